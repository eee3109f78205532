# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The system is active
# description: A system whose credentials are suspended sees nothing, even while its organisation is active.
# scope: package
# custom:
#   order: 11
#   about: request
#   withheld_reason: no-agreement
#   remedy: none
#   legal_source: UK GDPR Article 32
#   agency: Your system is not active in the commons.
#   citizen: The computer system that asked is not active in the commons.
package commons.limits.active_system

import data.commons.lib.asked.all_positions

holds := all_positions if {
	input.caller.system_active == true
} else := set()
