# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.living_for_consent

import data.commons.limits.living_for_consent
import data.commons_test.world

held(facts, agreements) := found if {
	found := living_for_consent.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

dead(category) := object.union(world.asking(category), {"person": {"deceased": true}})

test_somebody_who_lives_holds if held(world.facts, world.agreements) == {0, 1}

test_consent_and_implied_consent_end_with_the_person if {
	held(dead("consented"), world.agreements) == set()
	held(dead("care"), world.agreements) == set()
}

test_so_does_a_consent_that_the_request_requires if {
	held(object.union(dead("task"), {"request": {"consent_mode": "required"}}), world.agreements) == set()
}

test_other_grounds_stand_as_they_stood if {
	every category in ["task", "duty", "life"] {
		held(dead(category), world.agreements) == {0}
	}
}

test_somebody_of_whom_it_is_not_said_does_not if {
	held(world.without("/person/deceased"), world.agreements) == set()
}
