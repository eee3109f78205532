# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Vital interests
# description: Somebody's life is at risk and the purpose stated is an emergency.
# scope: package
# custom:
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 6(1)(d), Article 9(2)(c)
#   agency: Somebody's life is at risk.
#   citizen: This was needed to protect somebody's life.
package commons.grounds.vital_interests

import data.commons.lib.among.resting
import data.commons.lib.asked.positions
import data.commons.lib.purpose.under

default applies := set()

applies := {n |
	some n in resting["article-6"]
	positions[n].term.lawful_basis == "6(1)(d)"
} if {
	under(input.request.purpose, "emergency")
}
