# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The person lives, where it rests on their consent
# description: >-
#   Consent, and the implied consent that direct care rests on, end with the person. The duty of confidence does
#   not: it outlives them, so nothing else becomes easier by a death.
# scope: package
# custom:
#   order: 82
#   about: person
#   withheld_reason: person-deceased
#   remedy: none
#   legal_source: >-
#     UK GDPR recital 27; common law duty of confidentiality (Bluck v Information Commissioner, EA/2006/0090);
#     Access to Health Records Act 1990
#   agency: The person has died. Their agreement, and implied consent for their care, ended then.
#   citizen: This ended when the person died.
package commons.limits.living_for_consent

import data.commons.lib.among.free
import data.commons.lib.among.resting
import data.commons.lib.asked.all_positions

holds := all_positions if {
	input.person.deceased == false
} else := resting["article-6"] & free if {
	input.person.deceased == true
} else := set()
