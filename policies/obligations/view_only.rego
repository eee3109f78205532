# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: To be seen and not kept
# description: >-
#   Where the citizen's consent does not let the recipient store what it sees, it is looked at and not kept. Where a
#   term is silent the duty is not named, since it would tell that a consent is there.
# scope: package
# custom:
#   legal_source: UK GDPR Article 5(1)(e), Article 7; ISO/IEC TS 27560:2023
#   agency: Look at this and do not keep it.
#   citizen: The service may look at this and not keep it.
#   remedy: consent-request
package commons.obligations.view_only

import data.commons.lib.asked.positions

stated if is_object(positions)

owed contains {"n": position.n, "duty": {"type": "view-only"}} if {
	some position in positions
	position.needs_consent == true
	count(position.consent.access_modes) > 0
	count({mode | some mode in position.consent.access_modes; mode == "store"}) == 0
	position.term.disclosure in {"explain", "generic"}
}
