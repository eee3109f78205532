# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.training_where_asked

import data.commons.limits.training_where_asked
import data.commons_test.world

held(facts, agreements) := found if {
	found := training_where_asked.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

asking_for(codes) := world.agreed({"training": codes})

trained(codes) := world.question({"caller": {"training": codes}})

test_an_agreement_that_asks_for_none_holds if held(world.facts, world.agreements) == {0, 1}

test_all_of_the_training_asked_for_holds if {
	held(trained(["b", "a", "c"]), asking_for(["a", "b"])) == {0, 1}
}

test_some_of_it_does_not if {
	held(trained(["a"]), asking_for(["a", "b"])) == set()
	held(trained([]), asking_for(["a"])) == set()
}
