# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The record is not sealed
# description: >-
#   A sealed record, such as that of an adopted child, of somebody whose gender is recognised anew, or of a
#   protected person, is seen by nobody whom the seal binds. It cannot be lifted by break-glass, and whoever asks is
#   told only what they would be told of somebody the commons does not know.
# scope: package
# custom:
#   order: 72
#   about: secret
#   withheld_reason: sealed-record
#   remedy: none
#   legal_source: Gender Recognition Act 2004 s.22; Adoption and Children Act 2002 ss.56 to 65
#   agency: This record is sealed.
#   citizen: This record is sealed, so that nobody sees it without a special reason.
package commons.limits.sealed_record

import data.commons.lib.among.restricted
import data.commons.lib.among.unrestricted
import data.commons.lib.asked.positions

holds := unrestricted | {n |
	known := positions
	some n in restricted
	count({kind | some kind in known[n].restrictions; kind == "sealed-record"}) == 0
}
