# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.not_objected

import data.commons.limits.not_objected
import data.commons_test.world

held(facts, agreements) := found if {
	found := not_objected.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

objecting(state, category) := world.question({"pairs": [object.union(world.pair(0, category), {"objection": state})]})

test_no_objection_or_an_overridden_one_holds if {
	held(objecting("none", "task"), world.agreements) == {0}
	held(objecting("overridden", "task"), world.agreements) == {0}
}

test_one_that_is_looked_into_or_was_upheld_does_not if {
	every category in ["task", "care"] {
		held(objecting("pending", category), world.agreements) == set()
		held(objecting("upheld", category), world.agreements) == set()
	}
}

test_consent_a_duty_and_vital_interests_know_no_objection if {
	every category in ["consented", "duty", "life"] {
		held(objecting("upheld", category), world.agreements) == {0}
	}
}

test_break_glass_lifts_it if {
	facts := object.union(objecting("upheld", "task"), {"request": {"override": world.override(["task"])}})
	held(facts, world.agreements) == {0}
}
