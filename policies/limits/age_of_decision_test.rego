# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.age_of_decision

import data.commons.limits.age_of_decision
import data.commons_test.world

held(facts, agreements) := found if {
	found := age_of_decision.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

decided(by, age) := object.union(
	world.deciding(object.union(world.given, {"by": by})),
	{"person": {"age_band": age}},
)

health := world.kinds_with("k2", {"patient_information": true})

holds(by, age, agreements) if held(decided(by, age), agreements) == {0}

who_may(age, agreements) := {by |
	some by in [
		"self",
		"parental-responsibility",
		"health-and-welfare-lpa",
		"property-and-financial-lpa",
		"court-appointed-deputy",
		"appointee",
		"consent",
		"best-interest",
		"unknown",
		"",
		"neighbour",
	]
	holds(by, age, agreements)
}

test_a_child_under_13_never_decides_alone if {
	who_may("under-13", world.agreements) == {"parental-responsibility", "appointee"}
}

test_from_13_to_15_the_child_or_a_parent_does if {
	who_may("13-15", world.agreements) == {"self", "parental-responsibility", "appointee"}
}

test_from_16_the_young_person_does_and_a_parent_no_longer if {
	who_may("16-17", world.agreements) == {"self", "court-appointed-deputy", "appointee", "consent", "best-interest"}
}

test_an_adult_does_or_whoever_holds_a_power if {
	who_may("adult", world.agreements) == {
		"self",
		"health-and-welfare-lpa",
		"property-and-financial-lpa",
		"court-appointed-deputy",
		"appointee",
		"consent",
		"best-interest",
	}
}

test_a_property_power_and_an_appointee_do_not_reach_patient_information if {
	who_may("adult", health) == {
		"self",
		"health-and-welfare-lpa",
		"court-appointed-deputy",
		"consent",
		"best-interest",
	}
	who_may("under-13", health) == {"parental-responsibility"}
}

test_of_somebody_whose_age_is_not_known_no_consent_can_be_shown if {
	who_may("", world.agreements) == set()
	who_may("ageless", world.agreements) == set()
}

test_where_no_consent_is_needed_no_age_is if {
	facts := object.union(world.asking("task"), {"person": {"age_band": ""}})
	held(facts, world.agreements) == {0}
}

test_where_nothing_was_given_nobody_decided if {
	every state in ["none", "refused", "withdrawn", "expired"] {
		nothing := object.union(world.undecided, {"state": state})
		held(object.union(world.deciding(nothing), {"person": {"age_band": ""}}), world.agreements) == {0}
	}
}
