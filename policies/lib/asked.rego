# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: What is asked, gathered into positions
# description: >-
#   Pairs (source, category) for which the agreement says the same, the same fields are asked and the person stands
#   alike share one position, and each position is judged once, whatever the number of its pairs. A pair whose facts
#   are not complete has no position, and is refused; one that the agreement has no term for has a position that
#   rests on nothing.
# scope: package
package commons.lib.asked

import data.commons.lib.agreement.kinds
import data.commons.lib.agreement.needs_consent
import data.commons.lib.agreement.no_kind
import data.commons.lib.agreement.rests_on
import data.commons.lib.agreement.terms
import data.commons.lib.fields
import data.commons.lib.override.lifted
import data.commons.obligations.redact.visible

# How pairs stand, by the number that a pair gives; one whose facts are not complete is left out.
standings := {number: standing |
	some number, one in input.standings
	standing := [one.fields, one.consent, one.restrictions, one.objection]
}

# For each pair, in order, all that is looked at: what the agreement says of it, and the number of its standing.
places := [place |
	sources := terms
	some pair in input.pairs
	kind := object.get(sources, [pair.source, pair.category], "")
	place := [kind, pair.standing]
]

once := {place | some place in places}

# Those whose facts are complete.
distinct := [place |
	known := standings
	some place in once
	known[place[1]]
]

# place -> number of its position
number_of := {place: n | some n, place in distinct}

# All of them: what a limit holds for that is about the request as a whole.
all_positions := {n | some n, _ in distinct}

# position number -> the position
positions := {n: position |
	known := kinds
	stands := standings
	sees := visible
	needs := needs_consent
	none := no_kind
	eased := lifted
	some n, place in distinct
	term := object.get(known, place[0], none)
	[fields_asked, consent, restrictions, objection] := stands[place[1]]
	carried := rests_on(term)
	needed := needs[carried]
	offered := object.keys(term.fields)
	agreed := fields.agreed(fields_asked, offered)
	seen := agreed & object.keys(object.get(sees, term.category, {}))
	released := fields.released(needed, consent, seen)
	position := {
		"n": n,
		"term": term,
		"rests_on": carried,
		"needs_consent": needed,
		"consent": consent,
		"restrictions": restrictions,
		"objection": objection,
		"lifted": term.category in eased,
		"agreed": agreed,
		"seen": seen,
		"released": released,
		"refused": (agreed | {field | some field in fields_asked}) - released,
	}
}
