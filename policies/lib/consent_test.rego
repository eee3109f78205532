# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.consent

import data.commons.lib.consent
import data.commons_test.world

reason_of(facts) := reason if {
	reason := consent.reason with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_each_state_has_its_reason if {
	reasons := {
		"none": "consent-not-given",
		"refused": "consent-not-given",
		"withdrawn": "consent-withdrawn",
		"expired": "consent-expired",
	}
	every state, reason in reasons {
		reason_of(world.deciding(object.union(world.given, {"state": state}))) == {0: reason}
	}
}

test_a_consent_that_has_run_out_says_so if {
	reason_of(world.deciding(object.union(world.given, {"until": world.now}))) == {0: "consent-expired"}
}

test_a_consent_to_other_fields_says_so if {
	reason_of(world.deciding(object.union(world.given, {"fields": ["z"]}))) == {0: "consent-scope"}
}

test_a_consent_that_is_there_needs_no_reason if {
	reason_of(world.deciding(world.given)) == {}
}

test_a_stranger_and_somebody_undecided_have_the_same_reason if {
	undecided := world.deciding(world.undecided)
	stranger := object.union(undecided, {"person": {"known": false}})
	reason_of(stranger) == reason_of(undecided)
}

test_a_stranger_has_that_reason_whatever_is_said_of_consent if {
	stranger := object.union(world.deciding(world.given), {"person": {"known": false}})
	reason_of(stranger) == {0: "consent-not-given"}
}
