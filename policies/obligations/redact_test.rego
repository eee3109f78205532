# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.redact

import data.commons.obligations.redact
import data.commons_test.world

visible(facts, agreements, roles) := fields if {
	fields := redact.visible with input as facts with data.agreements as agreements with data.roles as roles
}

narrowing := world.agreed({"ceilings": {"nurse": {"task": {"a": true, "z": true}}}})

test_a_role_sees_what_the_code_list_says if {
	visible(world.facts, world.agreements, world.roles) == world.sees
}

test_an_agreement_lets_it_see_less_and_never_more if {
	visible(world.facts, narrowing, world.roles).task == {"a": true}
	visible(world.facts, narrowing, world.roles).care == {}
}

test_it_narrows_that_role_alone if {
	visible(world.question({"caller": {"role": "clerk"}}), narrowing, world.roles) == world.sees
}

test_a_role_in_no_list_sees_what_nobody_in_particular_does if {
	visible(world.question({"caller": {"role": "king"}}), world.agreements, world.roles) == {}
}

test_without_a_role_or_a_list_it_cannot_be_stated if {
	object.get(redact, "stated", "undefined") == "undefined" with input as world.without("/caller/role")
		with data.agreements as world.agreements
		with data.roles as world.roles
	object.get(redact, "stated", "undefined") == "undefined" with input as world.facts
		with data.agreements as world.agreements
		with data.roles as {}
	redact.stated with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}
