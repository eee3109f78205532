# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.fields_in_agreement

import data.commons.limits.fields_in_agreement
import data.commons_test.world

asking_for(fields) := world.question({"pairs": [object.union(world.pair(0, "task"), {"fields": fields})]})

test_asking_for_no_field_by_name_asks_for_all if {
	fields_in_agreement.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_one_field_in_the_agreement_is_enough if {
	fields_in_agreement.holds == {0} with input as asking_for(["a", "z"])
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_no_field_in_the_agreement_is_not if {
	count(fields_in_agreement.holds) == 0 with input as asking_for(["z"])
		with data.agreements as world.agreements
		with data.roles as world.roles
}
