# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Consent has not run out
# description: Where consent is needed and was given, its end lies in the future at the instant of the decision.
# scope: package
# custom:
#   order: 81
#   about: person
#   withheld_reason: consent-expired
#   remedy: consent-request
#   legal_source: UK GDPR Article 7; ICO guidance on consent
#   agency: The citizen's agreement to share this with you has run out.
#   citizen: Your agreement had run out, so it was not shared.
package commons.limits.consent_not_expired

import data.commons.lib.consent.needed

holds contains n if {
	some n, required in needed
	required == false
}

holds contains pair.n if {
	some pair in input.pairs
	pair.consent.state == "given"
	pair.consent.until > input.now
}

# Nothing was given, so nothing has run out: the ground of consent answers for it.
holds contains pair.n if {
	some pair in input.pairs
	pair.consent.state in {"none", "refused", "withdrawn"}
}
