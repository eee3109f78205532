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

import data.commons.lib.among.free
import data.commons.lib.among.given
import data.commons.lib.among.not_given
import data.commons.lib.asked.positions

# Where nothing was given nothing has run out: the ground of consent answers for it.
holds := (free | {n |
	known := positions
	some n in given
	known[n].consent.until > input.now
}) | {n |
	known := positions
	some n in not_given
	known[n].consent.state in {"none", "refused", "withdrawn"}
}
