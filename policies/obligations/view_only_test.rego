# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.view_only

import data.commons.obligations.view_only
import data.commons_test.world

owed(consent, agreements) := duties if {
	duties := view_only.owed with input as world.deciding(consent)
		with data.agreements as agreements
		with data.roles as world.roles
}

modes(names) := object.union(world.given, {"access_modes": names})

test_a_consent_that_does_not_let_it_be_stored_makes_it_a_duty if {
	owed(modes(["view"]), world.agreements) == {{"n": 0, "duty": {"type": "view-only"}}}
}

test_one_that_does_or_that_says_nothing_does_not if {
	owed(modes(["view", "store"]), world.agreements) == set()
	owed(modes([]), world.agreements) == set()
}

test_a_silent_term_does_not_name_it if {
	owed(modes(["view"]), world.kinds_with("k2", {"disclosure": "silent"})) == set()
}

test_a_term_that_needs_no_consent_does_not if {
	task := object.union(world.pair(0, "task"), {"consent": modes(["view"])})
	view_only.owed == set() with input as world.question({"pairs": [task]})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_can_be_stated if {
	view_only.stated with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}
