# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.role_where_asked

import data.commons.limits.role_where_asked
import data.commons_test.world

test_a_role_the_agreement_asks_for_holds if {
	role_where_asked.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_another_role_does_not if {
	clerk := world.question({"caller": {"role": "clerk"}})
	count(role_where_asked.holds) == 0 with input as clerk
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_no_role_does_not if {
	nobody := world.question({"caller": {"role": ""}})
	count(role_where_asked.holds) == 0 with input as nobody
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_asserted_role_does_not_where_an_assured_one_is_asked_for if {
	strict := {"agreement": object.union(world.agreement, {"roles_assured": true})}
	count(role_where_asked.holds) == 0 with input as world.facts
		with data.agreements as strict
		with data.roles as world.roles
}

test_an_assured_role_does if {
	strict := {"agreement": object.union(world.agreement, {"roles_assured": true})}
	assured := world.question({"caller": {"role_assured": true}})
	role_where_asked.holds == {0, 1} with input as assured
		with data.agreements as strict
		with data.roles as world.roles
}

test_an_agreement_that_asks_for_no_role_takes_any if {
	open := {"agreement": object.union(world.agreement, {"roles_asked": false})}
	nobody := world.question({"caller": {"role": ""}})
	role_where_asked.holds == {0, 1} with input as nobody
		with data.agreements as open
		with data.roles as world.roles
}
