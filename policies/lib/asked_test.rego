# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.asked

import data.commons.lib.asked
import data.commons_test.world

pairs_of(facts) := pairs if {
	pairs := asked.pairs with input as facts with data.agreements as world.agreements
}

rests_on(category) := pairs_of(world.asking(category))[0].rests_on

changed(category, change) := kind if {
	agreements := {"agreement": object.union(world.agreement, {"terms": {"source": {category: change}}})}
	kind := asked.pairs[0].rests_on with input as world.asking(category) with data.agreements as agreements
}

test_each_term_rests_on_its_kind_of_ground if {
	rests_on("consented") == "consent"
	rests_on("care") == "direct-care"
	every category in ["task", "duty", "life"] {
		rests_on(category) == "article-6"
	}
}

test_any_basis_that_is_consent_makes_it_consent if {
	changed("task", {"lawful_basis": "6(1)(a)"}) == "consent"
	changed("task", {"special_category_basis": "9(2)(a)"}) == "consent"
	changed("task", {"confidentiality_basis": "explicit-consent"}) == "consent"
	changed("care", {"lawful_basis": "6(1)(a)"}) == "consent"
}

test_a_pair_without_a_term_is_not_among_the_pairs if {
	pairs_of(world.asking("other")) == []
}

test_without_an_agreement_there_are_no_pairs if {
	pairs_of(world.question({"request": {"agreement": "other"}})) == []
}

test_fields_are_those_asked_for_and_agreed if {
	narrowed := world.question({"pairs": [object.union(world.pair(0, "task"), {"fields": ["b", "z"]})]})
	pairs_of(narrowed)[0].fields == {"b"}
	pairs_of(world.asking("task"))[0].fields == {"a", "b"}
}

test_a_field_that_is_not_true_in_the_agreement_is_not_agreed if {
	narrowed := world.question({"pairs": [object.union(world.pair(0, "task"), {"fields": ["a", "b"]})]})
	agreements := {"agreement": object.union(
		world.agreement,
		{"terms": {"source": {"task": {"fields": {"b": "yes"}}}}},
	)}
	fields := asked.pairs[0].fields with input as narrowed with data.agreements as agreements
	fields == {"a"}
}
