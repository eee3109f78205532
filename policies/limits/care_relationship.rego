# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The register knows of a relationship of care
# description: >-
#   Where a term rests on implied consent for direct care and the agreement names kinds of legitimate relationship,
#   the register knows of one that holds now. Break-glass may lift this. Whoever asks without one is told only what
#   they would be told of somebody the commons does not know, so that nobody learns who is known by asking around.
# scope: package
# custom:
#   order: 74
#   about: secret
#   withheld_reason: no-relationship
#   remedy: change-request
#   legal_source: >-
#     Health and Social Care Act 2012 s.251B; Caldicott Principles 4 and 7; common law duty of confidentiality
#   agency: There is no person in the commons that you may ask about with these details.
#   citizen: The service has no connection with you that lets it see this.
package commons.limits.care_relationship

import data.commons.lib.agreement.agreement
import data.commons.lib.among.lifted
import data.commons.lib.among.resting
import data.commons.lib.asked.all_positions

holds := all_positions if {
	agreement.relationship_asked == false
} else := all_positions if {
	accepted := agreement.relationships
	count({kind | some kind in input.person.relationships; accepted[kind] == true}) > 0
} else := ((resting["article-6"] | resting.consent) | resting.nothing) | lifted
