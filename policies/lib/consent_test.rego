# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.consent

import data.commons.lib.consent
import data.commons_test.world

fields_with(change) := fields if {
	facts := world.deciding(object.union(world.given, change))
	fields := consent.fields with input as facts with data.agreements as world.agreements
}

reason_of(facts) := reason if {
	reason := consent.reason with input as facts with data.agreements as world.agreements
}

test_consent_to_all_releases_what_the_agreement_allows if {
	fields_with({}) == {0: {"a", "b"}}
}

test_consent_to_one_field_releases_that_one if {
	fields_with({"fields": ["a"]}) == {0: {"a"}}
}

test_consent_never_widens_the_agreement if {
	fields_with({"fields": ["a", "z"]}) == {0: {"a"}}
}

test_a_field_taken_out_of_a_consent_to_all_stays_behind if {
	fields_with({"except": ["a"]}) == {0: {"b"}}
}

test_a_field_taken_out_of_a_consent_to_some_stays_behind if {
	fields_with({"fields": ["a", "b"], "except": ["a"]}) == {0: {"b"}}
}

test_consent_does_not_narrow_a_term_that_rests_on_something_else if {
	task := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"fields": ["z"]})})
	consent.fields == {0: {"a", "b"}} with input as world.question({"pairs": [task]})
		with data.agreements as world.agreements
}

test_it_does_where_the_request_requires_consent if {
	task := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"fields": ["a"]})})
	requiring := world.question({"request": {"consent_mode": "required"}, "pairs": [task]})
	consent.fields == {0: {"a"}} with input as requiring with data.agreements as world.agreements
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
