# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: It was not asked too often under the agreement
# description: >-
#   Where the agreement bounds how often one organisation may see one person for one purpose, it has done so fewer
#   times within the window. A number that nobody counted is too many.
# scope: package
# custom:
#   order: 90
#   about: person
#   withheld_reason: frequency-exhausted
#   remedy: wait
#   legal_source: UK GDPR Article 5(1)(c); ICO Data Sharing Code of Practice
#   agency: You have asked for this as often as the agreement allows.
#   citizen: The service had already asked as often as it may.
package commons.limits.frequency_of_agreement

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	agreement.times == 0
} else := all_positions if {
	input.request.recent >= 0
	input.request.recent < agreement.times
} else := set()
