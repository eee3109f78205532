# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.safeguarding_restriction

import data.commons.limits.safeguarding_restriction
import data.commons_test.world

held(facts, agreements) := found if {
	found := safeguarding_restriction.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

# The position of the pair that is restricted comes first.
restricted(kinds) := world.question({"pairs": [
	object.union(world.pair(0, "task"), {"restrictions": kinds}),
	world.pair(1, "care"),
]})

test_no_restriction_holds if held(world.facts, world.agreements) == {0, 1}

test_this_one_does_not_hold_where_it_binds if {
	held(restricted(["safeguarding-restriction"]), world.agreements) == {1}
	held(restricted(["court-order", "safeguarding-restriction"]), world.agreements) == {1}
}

test_the_others_are_for_other_limits if held(restricted(["court-order", "sealed-record"]), world.agreements) == {0, 1}

test_break_glass_does_not_lift_it if {
	facts := object.union(restricted(["safeguarding-restriction"]), {"request": {"override": world.override(["task"])}})
	held(facts, world.agreements) == {1}
}
