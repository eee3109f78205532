# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The decision
# description: >-
#   Allows a pair (source, category) when at least one ground applies, every required limit holds, every obligation
#   could be stated and some field remains. Grounds, limits and obligations are found by name; the names that are
#   required stand in the manifest and are counted, so that a lost file, a missing fact or an empty input refuses.
#   One evaluation answers all pairs of one query; pairs in the same position are judged once.
# scope: package
package commons.access

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.positions
import data.commons.lib.consent.reason as consent_reason
import data.commons.lib.override.lifted

decision := {
	"pairs": pairs,
	"verdicts": verdicts,
	"obligations": [duty | some duty in duties],
	"valid_until": valid_until,
}

# -- each pair --------------------------------------------------------------------------------------------

# For each pair, in order, which of the verdicts is its own. A pair whose facts are not complete has no place: then
# there are fewer than pairs were asked, and whoever reads the answer takes none of it. All libraries are read at
# once, since one of the engines looks through every package for each rule that it meets for the first time.
pairs := [number |
	libraries := data.commons.lib
	numbered := libraries.asked.number_of
	some place in libraries.asked.places
	number := numbered[place]
]

# -- each position ----------------------------------------------------------------------------------------

# One for each position, in the order of their numbers.
verdicts := [outcome | some outcome in outcomes]

# position number -> the verdict on every pair that stands there
outcomes := {n: outcome |
	carrying := applying
	held := unbroken
	some n, position in positions
	outcome := conclude(position, n in held, {name | some name, carried in carrying; n in carried})
}

conclude(position, unhindered, grounds) := {
	"allow": true,
	"fields": position.released,
	"fields_refused": position.refused,
	"grounds": grounds,
	"broken": [],
	"hidden": [],
	"reason": "",
	"lawful_basis": position.term.lawful_basis,
	"confidentiality_basis": position.term.confidentiality_basis,
	"disclosure": position.term.disclosure,
	"override": overridden(position.lifted),
} if {
	unhindered == true
	count(grounds) > 0
	count(position.released) > 0
} else := refused(position, required - {name | some name, held in holding; position.n in held})

overridden(lifts) := input.request.override.reason if {
	lifts == true
} else := ""

refused(position, broken) := {
	"allow": false,
	"fields": [],
	"fields_refused": [],
	"grounds": [],
	"broken": said,
	"hidden": broken - said,
	"reason": reason(position, broken, like_a_stranger),
	"lawful_basis": position.term.lawful_basis,
	"confidentiality_basis": position.term.confidentiality_basis,
	"disclosure": position.term.disclosure,
	"override": "",
} if {
	like_a_stranger := count(broken & secret) > 0
	said := told(position, broken, like_a_stranger)
}

# -- what is required, and what is there ------------------------------------------------------------------

# The positions for which every required limit holds. There are none unless as many limits answer as are required,
# every obligation could be stated, and the facts of every pair are complete.
default unbroken := set()

unbroken := intersection({positions_held | some positions_held in holding}) if {
	count(required) > 0
	count(holding) == count(required)
	count(stated) == count(manifest.obligations)
	count(pairs) == count(input.pairs)
}

required := {limit.name | some limit in manifest.limits}

# required limit -> the positions it holds for; a limit whose file is lost is not among them
holding := {name: held |
	packages := data.commons.limits
	some name in required
	held := packages[name].holds
}

# ground -> the positions it applies to
applying := {name: carried |
	packages := data.commons.grounds
	some name in manifest.grounds
	carried := packages[name].applies
	count(carried) > 0
}

manifest := data.manifest

obliging := data.commons.obligations

# required obligations that could be stated
stated := {name |
	some name in manifest.obligations
	obliging[name].stated == true
}

duties contains duty if {
	some name in manifest.obligations
	some duty in obliging[name].duties
}

# A duty that goes with some positions only is owed where one of them is allowed.
duties contains duty if {
	judged := outcomes
	some name in manifest.obligations
	some owed in obliging[name].owed
	judged[owed.n].allow == true
	duty := owed.duty
}

# -- why not ----------------------------------------------------------------------------------------------

# What is wrong with the request itself comes first: it says nothing about the person. Then consent, worded alike
# for the unknown and the undecided; then whatever else concerns the person; and where every limit holds, no ground
# applied. Where a secret limit is broken, all is said that would be said of a stranger, and nothing else.
reason(position, broken, like_a_stranger) := first if {
	first := reasons("request", broken)[0]
} else := "consent-not-given" if {
	like_a_stranger == true
	position.needs_consent == true
} else := "no-relationship" if {
	like_a_stranger == true
} else := missing if {
	missing := consent_reason[position.n]
} else := first if {
	first := reasons("person", broken)[0]
} else := "legal-basis-not-permitted"

# Which broken limits are told. Where consent is needed and missing, none that looks at the person: a stranger and
# somebody who never decided get the same verdict, byte for byte. Where the person is not to be seen by this viewer,
# the one that a stranger breaks.
told(position, broken, like_a_stranger) := broken & about("request") if {
	like_a_stranger == true
	position.needs_consent == true
} else := (broken & about("request")) | {"known_person"} if {
	like_a_stranger == true
} else := broken & about("request") if {
	is_string(consent_reason[position.n])
} else := broken

secret := about("secret")

about(what) := {limit.name |
	some limit in manifest.limits
	limit.about == what
}

# The manifest lists limits in the order in which they name the reason.
reasons(what, broken) := [limit.withheld_reason |
	some limit in manifest.limits
	limit.about == what
	limit.name in broken
]

# -- how long it stands -----------------------------------------------------------------------------------

# The first instant at which the same facts could be judged otherwise: a bound of the agreement, the end of a
# consent or of an override, or midnight (UTC), when an erase-by date moves. With no agreement the judge is asked
# again soon.
valid_until := min(instants) if {
	count(instants) > 0
} else := input.now + 300

instants contains (floor(input.now / 86400) + 1) * 86400 if is_string(agreement.id)

instants contains instant if {
	bounds := agreement
	some instant in [bounds.from, bounds.until]
	instant > input.now
}

instants contains position.consent.until if {
	some position in positions
	position.consent.until > input.now
}

instants contains input.request.override.until if {
	count(lifted) > 0
}
