# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: No court order keeps it from this viewer
# description: >-
#   A court has ordered that this viewer, or nobody, may see this. It cannot be lifted by break-glass. A kind of
#   restriction that no rule knows counts as the strictest one, which is this. Whoever asks is told only what they
#   would be told of somebody the commons does not know.
# scope: package
# custom:
#   order: 71
#   about: secret
#   withheld_reason: court-order
#   remedy: none
#   legal_source: Family Law Act 1996 Part IV; Children Act 1989 s.8; contempt of court at common law
#   agency: A court has restricted this.
#   citizen: A court has restricted this.
package commons.limits.court_order

import data.commons.lib.among.restricted
import data.commons.lib.among.unrestricted
import data.commons.lib.asked.positions

holds := unrestricted | {n |
	known := positions
	some n in restricted
	count({kind | some kind in known[n].restrictions} - {"sealed-record", "safeguarding-restriction"}) == 0
}
