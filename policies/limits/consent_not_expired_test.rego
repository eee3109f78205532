# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.consent_not_expired

import data.commons.limits.consent_not_expired
import data.commons_test.world

ending(until) := world.deciding(object.union(world.given, {"until": until}))

test_consent_holds_a_second_before_its_end if {
	consent_not_expired.holds == {0} with input as ending(world.now + 1)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_does_not_hold_at_its_end if {
	count(consent_not_expired.holds) == 0 with input as ending(world.now)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_consent_without_an_end_does_not_hold if {
	count(consent_not_expired.holds) == 0 with input as ending(0)
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_one_that_is_said_to_have_expired_does_not_hold if {
	expired := world.deciding(object.union(world.given, {"state": "expired"}))
	count(consent_not_expired.holds) == 0 with input as expired
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_nothing_given_has_not_run_out if {
	every state in ["none", "refused", "withdrawn"] {
		consent := object.union(world.undecided, {"state": state})
		consent_not_expired.holds == {0} with input as world.deciding(consent)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}

test_an_expired_consent_does_not_matter_where_none_is_needed if {
	old := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"until": 1})})
	consent_not_expired.holds == {0} with input as world.question({"pairs": [old]})
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_it_matters_where_the_request_requires_consent if {
	old := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"until": 1})})
	requiring := world.question({"request": {"consent_mode": "required"}, "pairs": [old]})
	count(consent_not_expired.holds) == 0 with input as requiring
		with data.agreements as world.agreements
		with data.roles as world.roles
}
