# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.frequency_of_agreement

import data.commons.limits.frequency_of_agreement
import data.commons_test.world

held(facts, agreements) := found if {
	found := frequency_of_agreement.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

thrice := world.agreed({"times": 3})

seen(recent) := world.question({"request": {"recent": recent}})

test_an_agreement_without_a_bound_holds if held(seen(-1), world.agreements) == {0, 1}

test_it_holds_until_the_bound_is_reached if {
	held(seen(0), thrice) == {0, 1}
	held(seen(2), thrice) == {0, 1}
	held(seen(3), thrice) == set()
}

test_what_nobody_counted_is_too_many if held(seen(-1), thrice) == set()
