# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The user has the training the agreement asks for
# description: >-
#   Where the agreement names training, the user holds every piece of it in force, as their token says.
# scope: package
# custom:
#   order: 51
#   about: request
#   withheld_reason: training-required
#   remedy: change-request
#   legal_source: UK GDPR Article 32, Article 39(1)(b); Caldicott Principle 5
#   agency: The agreement asks for training that this user does not have in force.
#   citizen: The person who asked has not done the training that is needed to see this.
package commons.limits.training_where_asked

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	asked := agreement.training
	count({code | some code in asked; code in input.caller.training}) == count(asked)
} else := set()
