# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Vital interests
# description: Somebody's life is at risk and the purpose stated is an emergency.
# scope: package
# custom:
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 6(1)(d), Article 9(2)(c)
#   agency: Somebody's life is at risk.
#   citizen: This was needed to protect somebody's life.
package commons.grounds.vital_interests

import data.commons.lib.asked.positions
import data.commons.lib.purpose.under

applies contains position.n if {
	under(input.request.purpose, "emergency")
	some position in positions
	position.rests_on == "article-6"
	position.term.lawful_basis == "6(1)(d)"
}
