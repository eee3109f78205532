# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.active_organisation

import data.commons.limits.active_organisation
import data.commons_test.world

test_an_active_organisation_may_ask if {
	active_organisation.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_suspended_organisation_may_not if {
	count(active_organisation.holds) == 0 with input as world.question({"caller": {"organisation_active": false}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_organisation_of_which_nothing_is_known_may_not if {
	count(active_organisation.holds) == 0 with input as world.without("/caller/organisation_active")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_number_is_not_taken_for_true if {
	count(active_organisation.holds) == 0 with input as world.question({"caller": {"organisation_active": 1}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}
