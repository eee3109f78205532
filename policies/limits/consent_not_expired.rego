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

import data.commons.lib.asked.positions

holds contains position.n if {
	some position in positions
	position.needs_consent == false
}

holds contains position.n if {
	some position in positions
	position.consent.state == "given"
	position.consent.until > input.now
}

# Nothing was given, so nothing has run out: the ground of consent answers for it.
holds contains position.n if {
	some position in positions
	position.consent.state in {"none", "refused", "withdrawn"}
}
