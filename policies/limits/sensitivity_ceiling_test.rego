# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.sensitivity_ceiling

import data.commons.limits.sensitivity_ceiling
import data.commons_test.world

held(facts, roles) := found if {
	found := sensitivity_ceiling.holds with input as facts
		with data.agreements as world.agreements
		with data.roles as roles
}

seeing(fields) := object.union(json.remove(world.roles, ["/nurse/sees/task"]), {"nurse": {"sees": {"task": fields}}})

test_a_role_that_may_see_one_of_the_fields_holds if {
	held(world.asking("task"), world.roles) == {0}
	held(world.asking("task"), seeing({"a": true})) == {0}
}

test_one_that_may_see_none_does_not if held(world.asking("task"), seeing({})) == set()

test_one_that_may_not_see_what_is_asked_for_does_not if {
	narrowed := world.question({"pairs": [object.union(world.pair(0, "task"), {"fields": ["b"]})]})
	held(narrowed, seeing({"a": true})) == set()
}

test_where_the_agreement_has_nothing_another_limit_speaks if held(world.asking("other"), world.roles) == {0}
