# SPDX-License-Identifier: Apache-2.0

package commons_test.access

import data.commons.access
import data.commons_test.world

judged(facts) := decision if {
	decision := access.decision with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

one(facts) := judged(facts).verdicts[0]

# -- yes --------------------------------------------------------------------------------------------------

test_all_is_well if {
	decision := judged(world.facts)
	[verdict.allow | some verdict in decision.verdicts] == [true, true]
	[verdict.grounds | some verdict in decision.verdicts] == [{"public_task"}, {"direct_care"}]
	decision.obligations == [{"at": "2001-09-19", "type": "erase-by"}, {"type": "no-onward-sharing"}]
}

test_a_verdict_says_on_which_bases_it_stands if {
	verdict := one(world.facts)
	verdict.lawful_basis == "6(1)(e)"
	verdict.confidentiality_basis == "statutory-gateway"
	verdict.disclosure == "explain"
	verdict.fields == {"a", "b"}
}

test_fields_outside_the_agreement_are_refused_one_by_one if {
	pair := object.union(world.pair(0, "task"), {"fields": ["a", "z"]})
	verdict := one(world.question({"pairs": [pair]}))
	verdict.allow
	verdict.fields == {"a"}
	verdict.fields_refused == {"z"}
}

test_fields_outside_the_consent_are_refused_one_by_one if {
	verdict := one(world.deciding(object.union(world.given, {"except": ["b"]})))
	verdict.allow
	verdict.fields == {"a"}
	verdict.fields_refused == {"b"}
	verdict.grounds == {"consent"}
}

test_every_verdict_stands_in_the_order_of_its_pair if {
	pairs := [world.pair(7, "task"), world.pair(3, "other"), world.pair(5, "care")]
	[verdict.n | some verdict in judged(world.question({"pairs": pairs})).verdicts] == [7, 3, 5]
}

# -- no ---------------------------------------------------------------------------------------------------

test_a_broken_limit_refuses_and_names_the_reason if {
	verdict := one(world.question({"request": {"purpose": "research.planning"}}))
	verdict.allow == false
	verdict.broken == {"purpose_in_agreement"}
	verdict.reason == "purpose-not-permitted"
	verdict.fields == []
	verdict.grounds == []
}

test_the_first_broken_limit_names_the_reason if {
	verdict := one(world.question({
		"caller": {"organisation_active": false},
		"request": {"purpose": "research.planning"},
	}))
	verdict.broken == {"active_organisation", "purpose_in_agreement"}
	verdict.reason == "no-agreement"
}

test_a_category_outside_the_agreement_is_refused_alone if {
	decision := judged(world.question({"pairs": [world.pair(0, "other"), world.pair(1, "care")]}))
	[verdict.allow | some verdict in decision.verdicts] == [false, true]
	decision.verdicts[0].reason == "no-agreement"
	decision.verdicts[0].disclosure == "generic"
}

test_no_ground_refuses_although_every_limit_holds if {
	verdict := one(world.asking("life"))
	verdict.allow == false
	verdict.broken == set()
	verdict.reason == "legal-basis-not-permitted"
}

test_an_expired_consent_is_refused if {
	verdict := one(world.deciding(object.union(world.given, {"until": world.now})))
	verdict.allow == false
	verdict.reason == "consent-expired"
}

test_a_consent_to_nothing_in_the_agreement_is_refused if {
	verdict := one(world.deciding(object.union(world.given, {"fields": ["z"]})))
	verdict.allow == false
	verdict.reason == "consent-scope"
}

test_required_consent_refuses_what_another_ground_would_allow if {
	verdict := one(world.question({"request": {"consent_mode": "required"}}))
	verdict.allow == false
	verdict.reason == "consent-not-given"
}

# -- strangers --------------------------------------------------------------------------------------------

test_a_stranger_gets_the_verdict_of_somebody_who_never_decided if {
	undecided := world.deciding(world.undecided)
	stranger := object.union(undecided, {"person": {"known": false}})
	judged(stranger) == judged(undecided)
}

test_so_does_one_for_whom_consent_is_required if {
	undecided := world.question({"request": {"consent_mode": "required"}})
	stranger := object.union(undecided, {"person": {"known": false}})
	judged(stranger) == judged(undecided)
}

test_a_stranger_on_another_ground_has_no_relationship if {
	verdict := one(world.question({"person": {"known": false}}))
	verdict.allow == false
	verdict.reason == "no-relationship"
	verdict.broken == {"known_person"}
}

# -- what is missing --------------------------------------------------------------------------------------

test_without_a_manifest_nothing_is_allowed if {
	decision := access.decision with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.manifest as {"limits": [], "grounds": ["public_task"], "obligations": []}
	every verdict in decision.verdicts {
		verdict.allow == false
	}
}

test_a_limit_whose_file_is_lost_refuses if {
	lost := object.union(data.manifest, {"limits": array.concat(
		data.manifest.limits,
		[{"name": "lost", "about": "request", "withheld_reason": "no-agreement"}],
	)})
	decision := access.decision with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.manifest as lost
	every verdict in decision.verdicts {
		verdict.allow == false
		verdict.broken == {"lost"}
	}
}

test_an_obligation_whose_file_is_lost_refuses if {
	lost := object.union(data.manifest, {"obligations": ["erase_by", "no_onward_sharing", "lost"]})
	decision := access.decision with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.manifest as lost
	every verdict in decision.verdicts {
		verdict.allow == false
	}
}

test_a_ground_whose_file_is_lost_does_not_carry if {
	lost := object.union(data.manifest, {"grounds": ["lost"]})
	decision := access.decision with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.manifest as lost
	every verdict in decision.verdicts {
		verdict.allow == false
	}
}

test_each_missing_fact_refuses if {
	every path in [
		"/now",
		"/caller",
		"/caller/organisation",
		"/caller/organisation_active",
		"/caller/system_active",
		"/caller/role",
		"/person",
		"/person/known",
		"/request",
		"/request/agreement",
		"/request/purpose",
		"/request/lawful_basis",
		"/request/special_category_basis",
		"/request/consent_mode",
		"/request/on_behalf_of",
	] {
		allowed := {verdict.n |
			some verdict in access.verdicts with input as world.without(path)
				with data.agreements as world.agreements
				with data.roles as world.roles
			verdict.allow
		}
		count(allowed) == 0
	}
}

test_two_pairs_with_one_number_are_both_refused if {
	decision := judged(world.question({"pairs": [world.pair(0, "task"), world.pair(0, "other")]}))
	every verdict in decision.verdicts {
		verdict.allow == false
	}
}

test_an_empty_input_allows_nothing if {
	access.verdicts == [] with input as {} with data.agreements as world.agreements
}

# -- how long it stands -----------------------------------------------------------------------------------

until(facts) := judged(facts).valid_until

test_a_decision_stands_until_midnight_at_most if {
	until(world.facts) == 1000080000
}

test_it_stands_until_a_consent_ends if {
	until(world.deciding(world.given)) == world.now + 50
}

test_it_stands_until_the_agreement_ends if {
	until(world.question({"now": world.now + 999999})) == world.now + 1000000
}

test_it_stands_until_the_agreement_begins if {
	until(world.question({"now": world.now - 101})) == world.now - 100
}

test_without_an_agreement_it_stands_five_minutes if {
	until(world.question({"request": {"agreement": "other"}})) == world.now + 300
}
