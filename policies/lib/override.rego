# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Break-glass
# description: >-
#   An override that is in force, under an agreement that accepts its reason, lifts what can be lifted for the
#   categories that it names, and for no others. It is no ground. What it can lift are the relationship of care, an
#   objection and the national data opt-out; those rules ask for it, and no other rule does.
# scope: package
package commons.lib.override

import data.commons.lib.agreement.agreement

# The categories it lifts something for; none where there is no override in force.
lifted := {category |
	override := input.request.override
	override.reason != ""
	input.now < override.until
	agreement.overrides[override.reason] == true
	some category in override.categories
}

# Seconds within which an access by break-glass is reviewed: 72 hours.
review_s := 259200
