# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.safeguarding

import data.commons.grounds.safeguarding
import data.commons_test.world

applied(purpose, category, agreements) := found if {
	facts := world.question({"request": {"purpose": purpose}, "pairs": [world.pair(0, category)]})
	found := safeguarding.applies with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

test_a_public_task_under_safeguarding_applies if {
	applied("safeguarding.adult", "task", world.agreements) == {0}
	applied("safeguarding", "task", world.agreements) == {0}
}

test_so_does_the_recognised_legitimate_interest if {
	applied("safeguarding.adult", "task", world.kinds_with("k0", {"lawful_basis": "6(1)(ea)"})) == {0}
}

test_another_purpose_does_not if applied("direct-care.ward", "task", world.agreements) == set()

test_no_other_term_does if {
	every category in ["care", "consented", "duty", "life"] {
		applied("safeguarding.adult", category, world.agreements) == set()
	}
}
