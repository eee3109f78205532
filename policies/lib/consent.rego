# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Why consent does not carry it
# description: >-
#   Consent is needed where a term rests on it, and where the request itself says that it is required. The reason for
#   a missing consent is the same for somebody who never decided and for somebody the commons does not know, so that a
#   refusal tells nobody whether a person is known.
# scope: package
package commons.lib.consent

import data.commons.lib.asked.positions

# position number -> why; absent where consent is not needed or is there. The value is bound in the body, never
# computed in the head: one engine loses the whole rule when a head is undefined for one position.
reason[position.n] := because if {
	some position in positions
	position.needs_consent == true
	because := why(position)
}

why(position) := "consent-not-given" if {
	input.person.known != true
} else := "consent-withdrawn" if {
	position.consent.state == "withdrawn"
} else := "consent-expired" if {
	position.consent.state == "expired"
} else := "consent-not-given" if {
	position.consent.state != "given"
} else := "consent-expired" if {
	position.consent.until <= input.now
} else := "consent-scope" if {
	count(position.released) == 0
	count(position.seen) > 0
}
