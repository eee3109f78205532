# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The role may see some of it
# description: >-
#   At least one field asked for has a sensitivity label that the user's role may see. Fields with other labels are
#   taken out one by one and do not refuse the rest.
# scope: package
# custom:
#   order: 61
#   about: request
#   withheld_reason: sensitive-category
#   remedy: change-request
#   legal_source: UK GDPR Article 5(1)(c), Article 25; Caldicott Principles 3 and 4
#   agency: This is too sensitive for the role of this user.
#   citizen: This is more than the job of the person who asked lets them see.
package commons.limits.sensitivity_ceiling

import data.commons.lib.asked.positions

# Where the agreement has nothing of what is asked, there is nothing to see: another limit says so.
holds := {position.n | some position in positions; count(position.seen) > 0} | {position.n |
	some position in positions
	count(position.agreed) == 0
}
