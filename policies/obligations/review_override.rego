# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Break-glass is reviewed and told
# description: >-
#   What was seen by break-glass is reviewed by a data protection officer or Caldicott guardian within 72 hours, and
#   the citizen is told.
# scope: package
# custom:
#   legal_source: >-
#     UK GDPR Article 5(2), Article 14; Caldicott Principle 8; NHS confidentiality policy, emergency access
#   agency: This was break-glass. It is reviewed by this date, and the citizen is told.
#   citizen: This was seen in an emergency. It is reviewed by this date.
#   remedy: none
#   duties: [review-by, notify-citizen]
package commons.obligations.review_override

import data.commons.lib.among.lifted
import data.commons.lib.override.review_s

stated if is_string(at)

owed contains {"n": n, "duty": duty} if {
	some n in lifted
	some duty in [{"type": "review-by", "at": at}, {"type": "notify-citizen"}]
}

at := time.format([(input.now + review_s) * 1000000000, "UTC", "2006-01-02"])
