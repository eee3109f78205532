# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.known_person

import data.commons.limits.known_person
import data.commons_test.world

test_a_known_person_holds if {
	known_person.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_stranger_does_not if {
	count(known_person.holds) == 0 with input as world.question({"person": {"known": false}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_somebody_of_whom_nothing_is_said_does_not if {
	count(known_person.holds) == 0 with input as world.without("/person/known")
		with data.agreements as world.agreements
		with data.roles as world.roles
}
