# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The user has a role the agreement asks for
# description: >-
#   Where the agreement names roles, the user has one of them; where it asks for an assured role, a token says so
#   and not only the asking system.
# scope: package
# custom:
#   order: 50
#   about: request
#   withheld_reason: role-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 5(1)(f), Article 32; Caldicott Principle 4
#   agency: The agreement asks for a role that this user does not have.
#   citizen: The person who asked does not have the right job to see this.
package commons.limits.role_where_asked

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	agreement.roles_asked == false
} else := all_positions if {
	agreement.roles[input.caller.role] == true
	assured(agreement.roles_assured)
} else := set()

assured(asked) if asked == false

assured(asked) if {
	asked == true
	input.caller.role_assured == true
}
