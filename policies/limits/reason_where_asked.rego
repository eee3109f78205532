# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A reason is declared where the agreement asks for one
# description: >-
#   A term on vital interests, and every term under a purpose of safeguarding, needs a declared reason where the
#   agreement names the reasons that it accepts. No other term does.
# scope: package
# custom:
#   order: 53
#   about: request
#   withheld_reason: reason-not-declared
#   remedy: change-request
#   legal_source: >-
#     UK GDPR Article 6(1)(d), Article 9(2)(c); Data Protection Act 2018 Schedule 1 paragraph 18; Care Act 2014
#     s.42; Children Act 1989 s.47
#   agency: Say why this is needed. The agreement names the reasons that count.
#   citizen: The service did not say why it needed this.
package commons.limits.reason_where_asked

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions
import data.commons.lib.asked.positions

holds := all_positions if {
	agreement.reason_asked == false
} else := all_positions if {
	agreement.reasons[input.request.declared_reason] == true
} else := {position.n | some position in positions; position.term.lawful_basis != "6(1)(d)"} if {
	split(input.request.purpose, ".")[0] != "safeguarding"
} else := set()
