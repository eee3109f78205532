# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: No objection stands in the way
# description: >-
#   Where it rests on a public task or a legitimate interest the citizen may object. While an objection is looked
#   into, and once it was upheld, it stops the sharing; compelling grounds that were recorded let it go on. Consent
#   is withdrawn instead, and a legal obligation and vital interests know no objection. Break-glass may lift this.
# scope: package
# custom:
#   order: 84
#   about: person
#   withheld_reason: objection
#   remedy: none
#   legal_source: UK GDPR Article 21(1), Article 18(1)(d)
#   agency: The citizen has objected to this sharing.
#   citizen: You objected, so it was not shared.
package commons.limits.not_objected

import data.commons.lib.among.lifted
import data.commons.lib.asked.positions

holds := (unopposed | unobjectionable) | lifted

unopposed := {position.n |
	passing := {"none", "overridden"}
	some position in positions
	position.objection in passing
}

unobjectionable := {position.n |
	bases := {"6(1)(a)", "6(1)(b)", "6(1)(c)", "6(1)(d)"}
	some position in positions
	position.term.lawful_basis in bases
}
