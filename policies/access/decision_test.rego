# SPDX-License-Identifier: Apache-2.0

package commons_test.access

import data.commons.access
import data.commons_test.world

decided(facts) := decided_under(facts, world.agreements)

decided_under(facts, agreements) := decision if {
	decision := access.decision with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
		with data.purposes as world.purposes
}

# Each pair with the verdict that is its own.
each(decision) := [decision.verdicts[number] | some number in decision.pairs]

judged(facts) := object.union(decision, {"verdicts": each(decision)}) if decision := decided(facts)

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
	said := judged(world.question({"pairs": pairs})).verdicts
	[verdict.confidentiality_basis | some verdict in said] == ["statutory-gateway", "", "implied-consent-direct-care"]
}

test_pairs_that_stand_alike_share_one_verdict if {
	alike := [world.pair(0, "task"), world.pair(1, "care"), world.pair(2, "task")]
	decision := decided(world.question({"pairs": alike}))
	count(decision.verdicts) == 2
	decision.pairs == [0, 1, 0]
}

test_pairs_that_differ_in_anything_that_is_judged_do_not if {
	every change in [
		{"fields": ["a"]},
		{"consent": world.given},
		{"restrictions": ["court-order"]},
		{"objection": "pending"},
		{"source": "elsewhere"},
	] {
		other := object.union(world.pair(1, "task"), change)
		count(decided(world.question({"pairs": [world.pair(0, "task"), other]})).verdicts) == 2
	}
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
	seen_by_asker(stranger(undecided)) == seen_by_asker(undecided)
}

test_so_does_one_for_whom_consent_is_required if {
	undecided := world.question({"request": {"consent_mode": "required"}})
	seen_by_asker(stranger(undecided)) == seen_by_asker(undecided)
}

test_a_stranger_on_another_ground_has_no_relationship if {
	verdict := one(world.question({"person": {"known": false}}))
	verdict.allow == false
	verdict.reason == "no-relationship"
	verdict.broken == {"known_person"}
}

# -- what must not be learned ----------------------------------------------------------------------------

# All of a decision that whoever asked may be told.
seen_by_asker(facts) := without_hidden(decided(facts))

without_hidden(decision) := json.remove(decision, [sprintf("/verdicts/%d/hidden", [n]) |
	some n, _ in decision.verdicts
])

# A stranger is somebody the register knows nothing of.
stranger(facts) := object.union(
	facts,
	{"person": {"known": false, "deceased": false, "age_band": "", "opt_outs": [], "relationships": []}},
)

restricted(category, kinds) := world.question({"pairs": [object.union(
	world.pair(0, category),
	{"restrictions": kinds},
)]})

test_a_restriction_looks_like_a_stranger_to_whoever_asks if {
	every kind in ["court-order", "sealed-record", "safeguarding-restriction"] {
		every category in ["task", "care", "consented", "duty", "other"] {
			seen_by_asker(restricted(category, [kind])) == seen_by_asker(stranger(world.asking(category)))
		}
	}
}

test_so_it_does_beside_a_consent_that_was_given if {
	pair := object.union(world.consented_pair(world.given), {"restrictions": ["court-order"]})
	asked := world.question({"pairs": [pair]})
	seen_by_asker(asked).verdicts == seen_by_asker(stranger(world.asking("consented"))).verdicts
}

test_so_does_somebody_with_whom_there_is_no_relationship if {
	naming := world.agreed({"relationship_asked": true, "relationships": {"referral": true}})
	unrelated := object.union(world.asking("care"), {"person": {"relationships": []}})
	known := without_hidden(decided_under(unrelated, naming))
	unknown := without_hidden(decided_under(stranger(unrelated), naming))
	known == unknown
}

test_the_auditor_is_told_what_it_was if {
	one(restricted("task", ["court-order"])).hidden == {"court_order"}
	one(restricted("consented", ["sealed-record"])).hidden == {"sealed_record"}
	one(stranger(world.asking("consented"))).hidden == {"known_person"}
}

# -- break-glass ------------------------------------------------------------------------------------------

breaking(facts, categories) := object.union(facts, {"request": {"override": world.override(categories)}})

objected := world.question({"pairs": [object.union(world.pair(0, "task"), {"objection": "upheld"})]})

test_break_glass_lifts_an_objection_and_says_so if {
	one(objected).reason == "objection"
	decision := judged(breaking(objected, ["task"]))
	decision.verdicts[0].allow
	decision.verdicts[0].override == "vital-interests"
	{"type": "review-by", "at": "2001-09-12"} in decision.obligations
	{"type": "notify-citizen"} in decision.obligations
}

test_a_verdict_without_break_glass_says_none if one(world.facts).override == ""

test_break_glass_lifts_nothing_of_what_comes_first if {
	every change in [
		{"caller": {"system_active": false}},
		{"request": {"purpose": "research.now"}},
		{"request": {"lawful_basis": "6(1)(f)"}},
		{"caller": {"role": "clerk"}},
		{"person": {"known": false}},
	] {
		one(breaking(object.union(objected, change), ["task"])).allow == false
	}
	every kind in ["court-order", "sealed-record", "safeguarding-restriction"] {
		one(breaking(restricted("task", [kind]), ["task"])).allow == false
	}
}

test_it_is_no_consent if one(breaking(world.asking("consented"), ["consented"])).reason == "consent-not-given"

test_what_it_does_not_allow_owes_nothing if {
	obligations := judged(breaking(restricted("task", ["court-order"]), ["task"])).obligations
	[duty.type | some duty in obligations] == ["erase-by", "no-onward-sharing"]
}

test_a_decision_stands_no_longer_than_its_override if {
	judged(breaking(objected, ["task"])).valid_until == world.now + 60
}

# -- what is told of the person ---------------------------------------------------------------------------

test_what_is_about_the_person_comes_after_consent if {
	verdict := one(object.union(world.deciding(world.given), {"person": {"deceased": true}}))
	verdict.reason == "person-deceased"
	one(object.union(world.deciding(world.undecided), {"person": {"deceased": true}})).reason == "consent-not-given"
}

# -- what is missing --------------------------------------------------------------------------------------

test_without_a_manifest_nothing_is_allowed if {
	decision := access.decision with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.purposes as world.purposes
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
		with data.purposes as world.purposes
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
		with data.purposes as world.purposes
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
		with data.purposes as world.purposes
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
		count([verdict |
			some verdict in access.verdicts with input as world.without(path)
				with data.agreements as world.agreements
				with data.roles as world.roles
				with data.purposes as world.purposes
			verdict.allow
		]) == 0
	}
}

test_one_pair_whose_facts_are_not_complete_refuses_all if {
	every path in ["/consent", "/fields", "/restrictions", "/objection", "/source", "/category"] {
		broken := json.remove(world.pair(1, "care"), [path])
		decision := decided(world.question({"pairs": [world.pair(0, "task"), broken]}))
		count(decision.pairs) == 1
		decision.verdicts[0].allow == false
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
