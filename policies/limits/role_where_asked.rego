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

import data.commons.lib.asked.agreement

holds contains pair.n if {
	agreement.roles_asked == false
	some pair in input.pairs
}

holds contains pair.n if {
	terms := agreement
	terms.roles[input.caller.role] == true
	assured(terms)
	some pair in input.pairs
}

assured(terms) if terms.roles_assured == false

assured(_) if input.caller.role_assured == true
