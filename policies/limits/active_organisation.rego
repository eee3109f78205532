# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The organisation is active
# description: An organisation that is suspended or has left the commons sees nothing.
# scope: package
# custom:
#   order: 10
#   about: request
#   withheld_reason: no-agreement
#   remedy: none
#   legal_source: UK GDPR Article 5(1)(f), Article 32
#   agency: Your organisation is not active in the commons.
#   citizen: The organisation that asked is not an active member of the commons.
package commons.limits.active_organisation

import data.commons.lib.asked.all_positions

holds := all_positions if {
	input.caller.organisation_active == true
} else := set()
