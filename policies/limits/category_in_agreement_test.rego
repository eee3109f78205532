# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.category_in_agreement

import data.commons.limits.category_in_agreement
import data.commons_test.world

test_a_category_of_a_source_in_the_agreement_holds if {
	category_in_agreement.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_category_outside_it_does_not if {
	count(category_in_agreement.holds) == 0 with input as world.asking("other")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_the_same_category_from_another_source_does_not if {
	elsewhere := world.question({"pairs": [object.union(world.pair(0, "task"), {"source": "elsewhere"})]})
	count(category_in_agreement.holds) == 0 with input as elsewhere
		with data.agreements as world.agreements
		with data.roles as world.roles
}
