# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The legal basis claimed is the agreement's
# description: >-
#   A basis claimed in the request is one that the agreement states. A request that claims none relies on the
#   agreement, and one that says consent is not its basis cannot use a term that rests on consent.
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

import data.commons.lib.asked.agreement
import data.commons.lib.asked.pairs

holds contains pair.n if {
	claimed
	input.request.consent_mode in {"required", "if-present"}
	some pair in pairs
}

holds contains pair.n if {
	claimed
	input.request.consent_mode == "not-basis"
	some pair in pairs
	pair.rests_on in {"direct-care", "article-6"}
}

# What is claimed is stated in the agreement, and what is not claimed need not be.
claimed if {
	claims := agreement.claims
	agreed(claims, input.request.lawful_basis)
	agreed(claims, input.request.special_category_basis)
}

agreed(_, basis) if basis == ""

agreed(claims, basis) if claims[basis] == true
