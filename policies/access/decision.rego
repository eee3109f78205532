# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The decision
# description: >-
#   Allows a pair (source, category) when at least one ground applies, every required limit holds, every obligation
#   could be stated and some field remains. Grounds, limits and obligations are found by name; the names that are
#   required stand in the manifest and are counted, so that a lost file, a missing fact or an empty input refuses.
#   One evaluation answers all pairs of one query.
# scope: package
package commons.access

import data.commons.lib.asked.agreement
import data.commons.lib.asked.pairs
import data.commons.lib.consent.fields as released
import data.commons.lib.consent.reason as consent_reason

decision := {
	"verdicts": verdicts,
	"obligations": [duty | some duty in duties],
	"valid_until": valid_until,
}

# -- each pair --------------------------------------------------------------------------------------------

verdicts := [verdict |
	terms := {pair.n: pair.term | some pair in pairs}
	some pair in input.pairs
	term := object.get(terms, pair.n, no_term)
	grounds := {name | some name, numbers in applying; pair.n in numbers}
	fields := object.get(released, pair.n, set())
	verdict := conclude(pair, term, grounds, fields)
]

conclude(pair, term, grounds, fields) := {
	"n": pair.n,
	"allow": true,
	"fields": fields,
	"grounds": grounds,
	"broken": [],
	"reason": "",
	"fields_refused": wanted(pair, term) - fields,
	"lawful_basis": term.lawful_basis,
	"confidentiality_basis": term.confidentiality_basis,
	"disclosure": term.disclosure,
} if {
	pair.n in unbroken
	count(grounds) > 0
	count(fields) > 0
} else := refused(pair.n, term, {name | some name, numbers in holding; pair.n in numbers})

refused(n, term, held) := {
	"n": n,
	"allow": false,
	"fields": [],
	"grounds": [],
	"broken": told(n, required - held),
	"reason": reason(n, required - held),
	"fields_refused": [],
	"lawful_basis": term.lawful_basis,
	"confidentiality_basis": term.confidentiality_basis,
	"disclosure": term.disclosure,
}

no_term := {"lawful_basis": "", "confidentiality_basis": "", "disclosure": "generic", "fields": {}}

wanted(pair, term) := object.keys(term.fields) if {
	count(pair.fields) == 0
} else := {field | some field in pair.fields}

# -- what is required, and what is there ------------------------------------------------------------------

# The pair numbers for which every required limit holds. There are none unless as many limits answer as are
# required, every obligation could be stated, and no number stands for two pairs.
unbroken := intersection({numbers | some numbers in holding}) if {
	count(required) > 0
	count(holding) == count(required)
	count(stated) == count(data.manifest.obligations)
	count({pair.n | some pair in input.pairs}) == count(input.pairs)
}

required := {limit.name | some limit in data.manifest.limits}

# required limit -> the pair numbers it holds for; a limit whose file is lost is not among them
holding := {name: numbers |
	packages := data.commons.limits
	some name in required
	numbers := packages[name].holds
}

# ground -> the pair numbers it applies to
applying := {name: numbers |
	packages := data.commons.grounds
	some name in data.manifest.grounds
	numbers := packages[name].applies
}

# required obligations that could be stated
stated := {name |
	packages := data.commons.obligations
	some name in data.manifest.obligations
	packages[name].stated == true
}

duties contains duty if {
	packages := data.commons.obligations
	some name in data.manifest.obligations
	some duty in packages[name].duties
}

# -- why not ----------------------------------------------------------------------------------------------

# What is wrong with the request itself comes first: it says nothing about the person. Then consent, worded alike
# for the unknown and the undecided; then whatever else concerns the person; and where every limit holds, no ground
# applied.
reason(n, broken) := first if {
	first := reasons("request", broken)[0]
} else := missing if {
	missing := consent_reason[n]
} else := first if {
	first := reasons("person", broken)[0]
} else := "legal-basis-not-permitted"

# Which broken limits are told. Where consent is needed and missing, none that looks at the person: a stranger and
# somebody who never decided get the same verdict, byte for byte.
told(n, broken) := {limit.name |
	some limit in data.manifest.limits
	limit.about == "request"
	limit.name in broken
} if {
	is_string(consent_reason[n])
} else := broken

# The manifest lists limits in the order in which they name the reason.
reasons(about, broken) := [limit.withheld_reason |
	some limit in data.manifest.limits
	limit.about == about
	limit.name in broken
]

# -- how long it stands -----------------------------------------------------------------------------------

# The first instant at which the same facts could be judged otherwise: a bound of the agreement, the end of a
# consent, or midnight (UTC), when an erase-by date moves. With no agreement the judge is asked again soon.
valid_until := min(instants) if {
	count(instants) > 0
} else := input.now + 300

instants contains (floor(input.now / 86400) + 1) * 86400 if is_string(agreement.id)

instants contains instant if {
	bounds := agreement
	some instant in [bounds.from, bounds.until]
	instant > input.now
}

instants contains pair.consent.until if {
	some pair in input.pairs
	pair.consent.until > input.now
}
