# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.consent

import data.commons.grounds.consent
import data.commons_test.world

test_a_consent_that_was_given_carries_a_term_that_rests_on_it if {
	consent.applies == {0} with input as world.deciding(world.given)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_nothing_else_does if {
	every state in ["none", "refused", "withdrawn", "expired"] {
		other := object.union(world.given, {"state": state})
		count(consent.applies) == 0 with input as world.deciding(other)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}

test_it_carries_no_other_term if {
	task := object.union(world.pair(0, "task"), {"consent": world.given})
	count(consent.applies) == 0 with input as world.question({"pairs": [task]})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_does_not_depend_on_whether_the_caller_is_in_care if {
	clerk := object.union(world.deciding(world.given), {"caller": {"role": "clerk"}})
	consent.applies == {0} with input as clerk
		with data.agreements as world.agreements
		with data.roles as world.roles
}
