# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Safeguarding
# description: >-
#   Sharing this protects a child, or an adult with care needs, from abuse or neglect: the purpose is one of
#   safeguarding, and the term rests on a public task or on the recognised legitimate interest of safeguarding.
# scope: package
# custom:
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: >-
#     UK GDPR Article 6(1)(e), Article 6(1)(ea), Annex 1; Data Protection Act 2018 Schedule 1 paragraph 18; Care Act
#     2014 s.42; Children Act 1989 s.47
#   agency: You need this to protect somebody from abuse or neglect.
#   citizen: This was needed to protect somebody from abuse or neglect.
package commons.grounds.safeguarding

import data.commons.lib.among.resting
import data.commons.lib.asked.positions
import data.commons.lib.purpose.under

default applies := set()

applies := {n |
	some n in resting["article-6"]
	positions[n].term.lawful_basis in {"6(1)(e)", "6(1)(ea)"}
} if {
	under(input.request.purpose, "safeguarding")
}
