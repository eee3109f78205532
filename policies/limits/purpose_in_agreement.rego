# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The purpose is in the agreement
# description: The purpose stated is one of the agreement's purposes or stands below one of them.
# scope: package
# custom:
#   order: 30
#   about: request
#   withheld_reason: purpose-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 5(1)(b)
#   agency: The agreement does not cover this purpose.
#   citizen: The service asked for a reason that its agreement does not allow.
package commons.limits.purpose_in_agreement

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	agreement.purposes[input.request.purpose] == true
} else := set()
