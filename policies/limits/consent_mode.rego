# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Consent is there when the request says it is required
# description: >-
#   A request may say that it needs consent whatever its other grounds are; then no other ground will do alone.
# scope: package
# custom:
#   order: 80
#   about: person
#   withheld_reason: consent-not-given
#   remedy: consent-request
#   legal_source: UK GDPR Article 4(11), Article 7
#   agency: You asked for consent to be required, and it is not there.
#   citizen: The service said it would look only if you agreed, and you have not.
package commons.limits.consent_mode

import data.commons.lib.among.given
import data.commons.lib.asked.all_positions

holds := all_positions if {
	input.request.consent_mode in {"if-present", "not-basis"}
} else := given if {
	input.request.consent_mode == "required"
} else := set()
