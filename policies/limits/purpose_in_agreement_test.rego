# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.purpose_in_agreement

import data.commons.limits.purpose_in_agreement
import data.commons_test.world

test_a_purpose_in_the_agreement_holds if {
	purpose_in_agreement.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_another_purpose_does_not if {
	other := world.question({"request": {"purpose": "research.planning"}})
	count(purpose_in_agreement.holds) == 0 with input as other
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_the_parent_of_a_purpose_does_not if {
	parent := world.question({"request": {"purpose": "direct-care"}})
	count(purpose_in_agreement.holds) == 0 with input as parent
		with data.agreements as world.agreements
		with data.roles as world.roles
}
