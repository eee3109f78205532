# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: This viewer is not one the person must be kept safe from
# description: >-
#   The register says that somebody at this organisation is whom the person must be protected from. It cannot be
#   lifted by break-glass, and whoever asks is told only what they would be told of somebody the commons does not
#   know.
# scope: package
# custom:
#   order: 73
#   about: secret
#   withheld_reason: safeguarding-restriction
#   remedy: none
#   legal_source: Care Act 2014 s.42; Children Act 1989 s.47; Domestic Abuse Act 2021; UK GDPR Article 5(1)(f)
#   agency: This is restricted.
#   citizen: This is restricted to keep somebody safe.
package commons.limits.safeguarding_restriction

import data.commons.lib.among.restricted
import data.commons.lib.among.unrestricted
import data.commons.lib.asked.positions

holds := unrestricted | {n |
	known := positions
	some n in restricted
	count({kind | some kind in known[n].restrictions; kind == "safeguarding-restriction"}) == 0
}
