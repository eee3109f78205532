# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Consent
# description: The citizen has agreed to this category going from this source to this organisation for this purpose.
# scope: package
# custom:
#   withheld_reason: consent-not-given
#   remedy: consent-request
#   legal_source: UK GDPR Article 6(1)(a), Article 9(2)(a); common law duty of confidentiality
#   agency: The citizen has agreed to this.
#   citizen: You agreed to this. You can change your mind at any time.
package commons.grounds.consent

import data.commons.lib.among.given
import data.commons.lib.among.resting

applies := resting.consent & given
