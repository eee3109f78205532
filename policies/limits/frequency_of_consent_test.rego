# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.frequency_of_consent

import data.commons.limits.frequency_of_consent
import data.commons_test.world

held(facts, agreements) := found if {
	found := frequency_of_consent.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

looked(times, recent) := world.deciding(object.union(world.given, {"times": times, "recent": recent}))

test_a_consent_without_a_bound_holds if held(looked(0, -1), world.agreements) == {0}

test_it_holds_until_the_bound_is_reached if {
	held(looked(2, 0), world.agreements) == {0}
	held(looked(2, 1), world.agreements) == {0}
	held(looked(2, 2), world.agreements) == set()
}

test_what_nobody_counted_is_too_many if held(looked(2, -1), world.agreements) == set()

test_where_no_consent_is_needed_it_bounds_nothing if {
	task := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"times": 1, "recent": 5})})
	held(world.question({"pairs": [task]}), world.agreements) == {0}
}
