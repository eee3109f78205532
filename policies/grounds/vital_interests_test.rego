# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.vital_interests

import data.commons.grounds.vital_interests
import data.commons_test.world

emergency(category) := object.union(world.asking(category), {"request": {"purpose": "emergency.now"}})

test_an_emergency_applies if {
	vital_interests.applies == {0} with input as emergency("life")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_another_purpose_does_not if {
	count(vital_interests.applies) == 0 with input as world.asking("life")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_no_other_term_does if {
	every category in ["consented", "care", "task", "duty"] {
		count(vital_interests.applies) == 0 with input as emergency(category)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}
