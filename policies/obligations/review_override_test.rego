# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.review_override

import data.commons.obligations.review_override
import data.commons_test.world

owed(categories) := duties if {
	facts := world.question({"request": {"override": world.override(categories)}})
	duties := review_override.owed with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_break_glass_is_reviewed_and_told_where_it_lifts if {
	owed(["care"]) == {
		{"n": 1, "duty": {"type": "review-by", "at": "2001-09-12"}},
		{"n": 1, "duty": {"type": "notify-citizen"}},
	}
}

test_no_break_glass_owes_nothing if owed([]) == set()

test_it_can_be_stated if {
	review_override.stated with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_without_a_time_it_cannot if {
	object.get(review_override, "stated", "undefined") == "undefined" with input as world.without("/now")
		with data.agreements as world.agreements
		with data.roles as world.roles
}
