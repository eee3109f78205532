# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.consent_mode

import data.commons.limits.consent_mode
import data.commons_test.world

requiring(consent) := world.question({
	"request": {"consent_mode": "required"},
	"pairs": [object.union(world.pair(0, "task"), {"consent": consent})],
})

test_consent_if_present_holds_without_it if {
	consent_mode.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_consent_not_the_basis_holds_without_it if {
	consent_mode.holds == {0, 1} with input as world.question({"request": {"consent_mode": "not-basis"}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_consent_required_and_given_holds if {
	consent_mode.holds == {0} with input as requiring(world.given)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_consent_required_and_not_given_does_not if {
	count(consent_mode.holds) == 0 with input as requiring(world.undecided)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_mode_nobody_knows_does_not if {
	count(consent_mode.holds) == 0 with input as world.question({"request": {"consent_mode": "whatever"}})
		with data.agreements as world.agreements
		with data.roles as world.roles
}
