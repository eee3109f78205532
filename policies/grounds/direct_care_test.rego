# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.direct_care

import data.commons.grounds.direct_care
import data.commons_test.world

test_a_role_of_care_with_a_purpose_of_care_applies if {
	direct_care.applies == {1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_role_that_is_not_one_of_care_does_not if {
	clerk := world.question({"caller": {"role": "clerk"}})
	count(direct_care.applies) == 0 with input as clerk
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_no_role_does_not if {
	nobody := world.question({"caller": {"role": ""}})
	count(direct_care.applies) == 0 with input as nobody
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_another_purpose_does_not if {
	emergency := world.question({"request": {"purpose": "emergency.now"}})
	count(direct_care.applies) == 0 with input as emergency
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_purpose_that_only_begins_alike_does_not if {
	alike := world.question({"request": {"purpose": "direct-carefree"}})
	count(direct_care.applies) == 0 with input as alike
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_the_root_of_the_purposes_of_care_does if {
	root := world.question({"request": {"purpose": "direct-care"}})
	direct_care.applies == {1} with input as root
		with data.agreements as world.agreements
		with data.roles as world.roles
}
