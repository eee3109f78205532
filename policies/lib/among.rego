# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Positions by what several rules ask of them
# description: >-
#   Sets of position numbers, gathered once for a query; a rule that holds for whole sets of them joins these instead of
#   looking at every position again. A position is in a set only where that was seen, and never because of what was not.
# scope: package
package commons.lib.among

import data.commons.lib.asked.positions

# What they rest on -> the positions that do.
resting := {basis: {position.n | some position in positions; position.rests_on == basis} |
	some basis in ["consent", "direct-care", "article-6", "nothing"]
}

# Those that need no consent.
free := {position.n | some position in positions; position.needs_consent == false}

# Those that do.
needing := {position.n | some position in positions; position.needs_consent == true}

# Those for which somebody gave one.
given := {position.n | some position in positions; position.consent.state == "given"}

# Those for which nobody did, whether they decided or not.
not_given := {position.n |
	some position in positions
	position.consent.state in {"none", "refused", "withdrawn", "expired"}
}

# Those that break-glass lifts something for.
lifted := {position.n | some position in positions; position.lifted == true}

# Those that a restriction binds.
restricted := {position.n | some position in positions; count(position.restrictions) > 0}

# Those that none does.
unrestricted := {position.n | some position in positions; count(position.restrictions) == 0}
