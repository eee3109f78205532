# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The legal basis claimed is the agreement's
# description: >-
#   A basis, or a law, that the request claims is one that the agreement states. A request that claims none relies on
#   the agreement, and one that says consent is not its basis cannot use a term that rests on consent.
# scope: package
# custom:
#   order: 40
#   about: request
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 5(1)(a), Article 6, Article 9
#   agency: The legal basis you claim is not one that the agreement states.
#   citizen: The service did not have the legal basis that it claimed.
package commons.limits.legal_basis_claimed

import data.commons.lib.agreement.agreement
import data.commons.lib.among.resting

holds := (resting.consent | resting["direct-care"]) | resting["article-6"] if {
	input.request.consent_mode in {"required", "if-present"}
	claimed(agreement)
} else := resting["direct-care"] | resting["article-6"] if {
	input.request.consent_mode == "not-basis"
	claimed(agreement)
} else := set()

# What is claimed is stated in the agreement, and what is not claimed need not be.
claimed(terms) if {
	agreed(terms.claims, input.request.lawful_basis)
	agreed(terms.claims, input.request.special_category_basis)
	agreed(terms.statutes, input.request.statute)
}

agreed(_, claim) if claim == ""

agreed(claims, claim) if claims[claim] == true
