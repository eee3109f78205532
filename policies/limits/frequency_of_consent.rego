# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: It was not asked too often under the consent
# description: >-
#   Where consent is needed and the citizen bounded how often it lets somebody look, they have looked fewer times
#   within the window. A number that nobody counted is too many.
# scope: package
# custom:
#   order: 91
#   about: person
#   withheld_reason: frequency-exhausted
#   remedy: wait
#   legal_source: UK GDPR Article 7; ISO/IEC TS 27560:2023
#   agency: You have asked for this as often as the citizen allows.
#   citizen: The service had already asked as often as you allow.
package commons.limits.frequency_of_consent

import data.commons.lib.among.free
import data.commons.lib.among.needing
import data.commons.lib.asked.positions

holds := free | {n |
	known := positions
	some n in needing
	often_enough(known[n].consent)
}

often_enough(consent) if consent.times == 0

often_enough(consent) if {
	consent.recent >= 0
	consent.recent < consent.times
}
