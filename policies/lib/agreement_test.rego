# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.agreement

import data.commons.lib.agreement
import data.commons_test.world

rests_on(name) := agreement.rests_on(world.agreement.kinds[name])

changed(name, change) := agreement.rests_on(object.union(world.agreement.kinds[name], change))

test_each_term_rests_on_its_kind_of_ground if {
	rests_on("k2") == "consent"
	rests_on("k1") == "direct-care"
	every name in ["k0", "k3", "k4"] {
		rests_on(name) == "article-6"
	}
	agreement.rests_on(agreement.no_kind) == "nothing"
}

test_any_basis_that_is_consent_makes_it_consent if {
	changed("k0", {"lawful_basis": "6(1)(a)"}) == "consent"
	changed("k0", {"special_category_basis": "9(2)(a)"}) == "consent"
	changed("k0", {"confidentiality_basis": "explicit-consent"}) == "consent"
	changed("k1", {"lawful_basis": "6(1)(a)"}) == "consent"
}

test_consent_is_needed_where_a_term_rests_on_it if {
	agreement.needs_consent == {"consent": true, "direct-care": false, "article-6": false, "nothing": false} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_and_where_the_request_requires_it if {
	requiring := world.question({"request": {"consent_mode": "required"}})
	agreement.needs_consent == {"consent": true, "direct-care": true, "article-6": true, "nothing": false} with input as requiring
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_agreement_that_is_not_there_has_no_terms_and_no_kinds if {
	agreement.terms == {} with input as world.facts with data.agreements as {} with data.roles as world.roles
	agreement.kinds == {} with input as world.facts with data.agreements as {} with data.roles as world.roles
}
