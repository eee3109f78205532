# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Small numbers are not shown
# description: >-
#   Numbers made from what was received are not shown to others where they count fewer people than the agreement
#   says, since few people can be told apart.
# scope: package
# custom:
#   legal_source: UK GDPR recital 26; ICO Anonymisation guidance
#   agency: Do not show numbers that count fewer people than this.
#   citizen: Numbers that could give you away are not shown to others.
#   remedy: change-request
package commons.obligations.suppress_counts

import data.commons.lib.agreement.agreement

stated if is_number(agreement.suppress_counts_below)

duties contains {"type": "suppress-counts", "below": agreement.suppress_counts_below} if {
	agreement.suppress_counts_below > 0
}
