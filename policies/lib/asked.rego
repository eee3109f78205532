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

# For each pair, in order, all that is looked at.
places := [place |
	sources := terms
	some pair in input.pairs
	kind := object.get(sources, [pair.source, pair.category], "")
	place := [kind, pair.fields, pair.consent, pair.restrictions, pair.objection]
]

once := {place | some place in places}

distinct := [place | some place in once]

# place -> number of its position
numbers := {place: n | some n, place in distinct}

# All of them: what a limit holds for that is about the request as a whole.
all_positions := {n | some n, _ in distinct}

positions := [position |
	known := kinds
	sees := visible
	needs := needs_consent
	some n, place in distinct
	term := object.get(known, place[0], no_kind)
	carried := rests_on(term)
	needed := needs[carried]
	offered := object.keys(term.fields)
	agreed := fields.agreed(place[1], offered)
	seen := agreed & object.keys(object.get(sees, term.category, {}))
	released := fields.released(needed, place[2], seen)
	position := {
		"n": n,
		"term": term,
		"rests_on": carried,
		"needs_consent": needed,
		"consent": place[2],
		"restrictions": place[3],
		"objection": place[4],
		"lifted": term.category in lifted,
		"agreed": agreed,
		"seen": seen,
		"released": released,
		"refused": (agreed | {field | some field in place[1]}) - released,
	}
]
