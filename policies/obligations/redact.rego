# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Redact by sensitivity
# description: >-
#   Every field has a label: personal, location, financial, special, third-party. What the user's role may not see
#   is taken out before anything is sent; an agreement may let a role see less than the code list of roles does,
#   never more. A role whose labels cannot be told refuses.
# scope: package
# custom:
#   legal_source: UK GDPR Article 5(1)(c), Article 25; Caldicott Principles 3 and 4
#   agency: Fields that are too sensitive for your role were taken out.
#   citizen: The person who asked saw only what their job allows.
#   remedy: change-request
package commons.obligations.redact

import data.commons.lib.agreement.agreement

stated if is_object(visible)

# category -> the fields that the role may see
visible := general if {
	count(narrower) == 0
} else := {category: object.filter(names, object.keys(object.get(narrower, category, {}))) |
	some category, names in general
} if {
	is_object(general)
}

# Somebody whose role is in no code list sees what a role without a name may see.
general := object.get(data.roles, input.caller.role, data.roles[""]).sees

default narrower := {}

narrower := agreement.ceilings[input.caller.role]
