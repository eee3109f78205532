# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: What the citizen decided
# description: >-
#   Consent is needed where a term rests on it, and also where the request itself says that consent is required.
#   The reason given for a missing consent is the same for somebody who never decided and for somebody the commons
#   does not know, so that a refusal tells nobody whether a person is known.
# scope: package
package commons.lib.consent

import data.commons.lib.asked.pairs

# pair number -> whether consent is needed for it
needed := {pair.n: is_needed(pair.rests_on) | some pair in pairs}

is_needed(rests_on) if {
	rests_on == "consent"
} else := input.request.consent_mode == "required"

# pair number -> fields that may go out: what the agreement allows, narrowed by consent where consent is needed
fields := {pair.n: released(pair, needed[pair.n]) | some pair in pairs}

released(pair, required) := pair.fields if {
	required == false
} else := pair.fields - {field | some field in pair.consent.except} if {
	count(pair.consent.fields) == 0
} else := {field |
	some field in pair.consent.fields
	field in pair.fields
} - {field | some field in pair.consent.except}

# pair number -> why consent does not carry it; absent where consent is not needed or is there. The value is bound
# in the body, never computed in the head: one engine loses the whole rule when a head is undefined for one pair.
reason[pair.n] := because if {
	some pair in pairs
	needed[pair.n] == true
	because := why(pair)
}

why(pair) := "consent-not-given" if {
	input.person.known != true
} else := "consent-withdrawn" if {
	pair.consent.state == "withdrawn"
} else := "consent-expired" if {
	pair.consent.state == "expired"
} else := "consent-not-given" if {
	pair.consent.state != "given"
} else := "consent-expired" if {
	pair.consent.until <= input.now
} else := "consent-scope" if {
	count(fields[pair.n]) == 0
}
