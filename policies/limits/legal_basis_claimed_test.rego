# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.legal_basis_claimed

import data.commons.limits.legal_basis_claimed
import data.commons_test.world

test_bases_the_agreement_states_hold if {
	legal_basis_claimed.holds == {0, 1} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_claiming_none_relies_on_the_agreement if {
	none := world.question({"request": {"lawful_basis": "", "special_category_basis": ""}})
	legal_basis_claimed.holds == {0, 1} with input as none
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_article_6_basis_it_does_not_state_fails if {
	other := world.question({"request": {"lawful_basis": "6(1)(f)"}})
	count(legal_basis_claimed.holds) == 0 with input as other
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_article_9_basis_it_does_not_state_fails if {
	other := world.question({"request": {"special_category_basis": "9(2)(i)"}})
	count(legal_basis_claimed.holds) == 0 with input as other
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_claim_that_is_missing_fails if {
	missing := world.without("/request/lawful_basis")
	count(legal_basis_claimed.holds) == 0 with input as missing
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_saying_that_consent_is_not_the_basis_leaves_the_other_terms if {
	pairs := [world.pair(0, "task"), world.pair(1, "care"), world.pair(2, "consented")]
	not_basis := world.question({"request": {"consent_mode": "not-basis"}, "pairs": pairs})
	legal_basis_claimed.holds == {0, 1} with input as not_basis
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_mode_nobody_knows_fails if {
	strange := world.question({"request": {"consent_mode": "whatever"}})
	count(legal_basis_claimed.holds) == 0 with input as strange
		with data.agreements as world.agreements
		with data.roles as world.roles
}

claiming(statute) := world.question({"request": {"statute": statute}})

test_a_law_that_the_agreement_names_holds if {
	legal_basis_claimed.holds == {0, 1} with input as claiming("An Act s.1")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_another_law_fails if {
	count(legal_basis_claimed.holds) == 0 with input as claiming("Another Act")
		with data.agreements as world.agreements
		with data.roles as world.roles
}
