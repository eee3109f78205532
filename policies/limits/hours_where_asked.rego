# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: It is asked in the hours the agreement allows
# description: >-
#   Where the agreement states hours, the minute of the day and the weekday by the clocks of Europe/London lie
#   within them. A time that is not given is outside.
# scope: package
# custom:
#   order: 52
#   about: request
#   withheld_reason: outside-hours
#   remedy: wait
#   legal_source: UK GDPR Article 5(1)(f), Article 32
#   agency: The agreement lets you ask at other hours only.
#   citizen: The service asked outside the hours in which it may.
package commons.limits.hours_where_asked

import data.commons.lib.agreement.agreement
import data.commons.lib.asked.all_positions

holds := all_positions if {
	agreement.hours_asked == false
} else := all_positions if {
	terms := agreement
	input.request.local_minute >= terms.hours_from
	input.request.local_minute < terms.hours_until
	input.request.local_weekday in terms.weekdays
} else := set()
