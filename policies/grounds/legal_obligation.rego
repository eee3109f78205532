# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Legal obligation
# description: A law, named in the agreement, says that this must be shared.
# scope: package
# custom:
#   withheld_reason: legal-basis-not-permitted
#   remedy: change-request
#   legal_source: UK GDPR Article 6(1)(c)
#   agency: A law that the agreement names requires this.
#   citizen: A law says that this must be shared, so it cannot be stopped.
package commons.grounds.legal_obligation

import data.commons.lib.among.resting
import data.commons.lib.asked.positions

applies := {n |
	some n in resting["article-6"]
	positions[n].term.lawful_basis == "6(1)(c)"
	positions[n].term.statute != ""
}
