# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The person is known
# description: >-
#   The identifier given belongs to a person in the commons, and the details sent along fit. Nobody is told which
#   of the two was wrong.
# scope: package
# custom:
#   order: 70
#   about: secret
#   withheld_reason: no-relationship
#   remedy: none
#   legal_source: UK GDPR Article 5(1)(d)
#   agency: There is no person in the commons that you may ask about with these details.
#   citizen: The service has no connection with you that lets it see this.
package commons.limits.known_person

import data.commons.lib.asked.all_positions

holds := all_positions if {
	input.person.known == true
} else := set()
