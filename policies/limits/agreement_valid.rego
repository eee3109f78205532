# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The agreement is in force and is the asker's
# description: >-
#   The agreement named exists, has begun, has not ended, and the asking organisation (and whoever it asks for) is
#   a recipient in it.
# scope: package
# custom:
#   order: 20
#   about: request
#   withheld_reason: no-agreement
#   remedy: agreement
#   legal_source: UK GDPR Article 26, Article 28; ICO Data Sharing Code of Practice
#   agency: The agreement you name is not in force for your organisation.
#   citizen: The service that asked has no agreement in force.
package commons.limits.agreement_valid

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	terms := agreement
	terms.from <= input.now
	input.now < terms.until
	terms.recipients[input.caller.organisation] == true
	principal_covered(terms.recipients)
} else := set()

# Who asks on behalf of another needs that other one to be a recipient too.
principal_covered(_) if input.request.on_behalf_of == ""

principal_covered(recipients) if recipients[input.request.on_behalf_of] == true
