# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.erase_by

import data.commons.obligations.erase_by
import data.commons_test.world

test_the_date_is_the_retention_from_today if {
	erase_by.duties == {{"type": "erase-by", "at": "2001-09-19"}} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_duty_that_can_be_stated_is_stated if {
	erase_by.stated with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_without_a_retention_it_cannot_be_stated if {
	endless := {"agreement": json.remove(world.agreement, ["/retention_days"])}
	object.get(erase_by, "stated", "undefined") == "undefined" with input as world.facts
		with data.agreements as endless
		with data.roles as world.roles
}

owed(change, agreements) := duties if {
	facts := world.deciding(object.union(world.given, change))
	duties := erase_by.owed with input as facts with data.agreements as agreements with data.roles as world.roles
}

test_a_consent_may_bound_it_sooner if {
	owed({"erase_by": world.now + 86400}, world.agreements) == {{
		"n": 0,
		"duty": {"type": "erase-by", "at": "2001-09-10"},
	}}
}

test_a_consent_that_bounds_it_later_or_not_at_all_changes_nothing if {
	owed({"erase_by": world.now + (86400 * 11)}, world.agreements) == set()
	owed({"erase_by": 0}, world.agreements) == set()
}

test_a_silent_term_does_not_name_it if {
	silent := world.kinds_with("k2", {"disclosure": "silent"})
	owed({"erase_by": world.now + 86400}, silent) == set()
}
