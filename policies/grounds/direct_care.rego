# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Direct care
# description: >-
#   Somebody in a role of care looks after this person, and confidentiality rests on implied consent for direct
#   care.
# scope: package
# custom:
#   withheld_reason: no-relationship
#   remedy: change-request
#   legal_source: Health and Social Care Act 2012 s.251B; common law duty of confidentiality; Caldicott Principle 7
#   agency: You need this to care for this person.
#   citizen: People who care for you may see what they need to care for you. You can object.
package commons.grounds.direct_care

import data.commons.lib.among.resting
import data.commons.lib.purpose.under

default applies := set()

applies := resting["direct-care"] if {
	data.roles[input.caller.role].direct_care == true
	under(input.request.purpose, "direct-care")
}
