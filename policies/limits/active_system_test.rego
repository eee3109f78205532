# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.active_system

import data.commons.limits.active_system
import data.commons_test.world

test_an_active_system_may_ask if {
	active_system.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_suspended_system_may_not if {
	count(active_system.holds) == 0 with input as world.question({"caller": {"system_active": false}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_system_of_which_nothing_is_known_may_not if {
	count(active_system.holds) == 0 with input as world.without("/caller/system_active")
		with data.agreements as world.agreements
		with data.roles as world.roles
}
