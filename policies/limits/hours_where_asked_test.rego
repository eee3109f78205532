# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.hours_where_asked

import data.commons.limits.hours_where_asked
import data.commons_test.world

held(facts, agreements) := found if {
	found := hours_where_asked.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

office := world.agreed({"hours_asked": true, "hours_from": 480, "hours_until": 1080, "weekdays": [0, 4]})

at(minute, weekday) := world.question({"request": {"local_minute": minute, "local_weekday": weekday}})

test_an_agreement_without_hours_holds_at_any_time if held(world.facts, world.agreements) == {0, 1}

test_the_hours_begin_and_end_to_the_minute if {
	held(at(480, 0), office) == {0, 1}
	held(at(1079, 4), office) == {0, 1}
	held(at(479, 0), office) == set()
	held(at(1080, 0), office) == set()
}

test_another_day_does_not if held(at(480, 1), office) == set()

test_a_time_that_is_not_given_does_not if {
	held(at(-1, -1), office) == set()
	held(at(-1, 0), office) == set()
	held(at(480, -1), office) == set()
}
