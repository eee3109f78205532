# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.agreement_valid

import data.commons.limits.agreement_valid
import data.commons_test.world

test_an_agreement_in_force_holds if {
	agreement_valid.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_holds_from_its_first_second if {
	first := world.question({"now": world.now - 100})
	count(agreement_valid.holds) == 2 with input as first
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_does_not_hold_a_second_before if {
	before := world.question({"now": world.now - 101})
	count(agreement_valid.holds) == 0 with input as before
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_does_not_hold_from_its_end_on if {
	end := world.question({"now": world.now + 1000000})
	count(agreement_valid.holds) == 0 with input as end
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_organisation_that_is_no_recipient_may_not_ask if {
	other := world.question({"caller": {"organisation": "other"}})
	count(agreement_valid.holds) == 0 with input as other
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_asking_for_another_recipient_holds if {
	for_principal := world.question({"request": {"on_behalf_of": "principal"}})
	count(agreement_valid.holds) == 2 with input as for_principal
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_asking_for_somebody_who_is_no_recipient_does_not if {
	for_other := world.question({"request": {"on_behalf_of": "other"}})
	count(agreement_valid.holds) == 0 with input as for_other
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_agreement_that_is_not_there_does_not_hold if {
	count(agreement_valid.holds) == 0 with input as world.facts
		with data.agreements as {}
		with data.roles as world.roles
}
