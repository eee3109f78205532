# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.asked

import data.commons.lib.asked
import data.commons_test.world

positions(facts) := found if {
	found := asked.positions with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

first(facts) := positions(facts)[0]

test_each_pair_has_a_position_with_its_term if {
	[position.rests_on | some position in positions(world.facts)] == ["article-6", "direct-care"]
	[position.n | some position in positions(world.facts)] == [0, 1]
}

test_pairs_that_stand_alike_share_a_position if {
	alike := world.question({"pairs": [world.pair(0, "task"), world.pair(1, "task"), world.pair(2, "care")]})
	count(positions(alike)) == 2
	asked.all_positions == {0, 1} with input as alike
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_pair_without_a_term_rests_on_nothing_and_has_no_field if {
	position := first(world.asking("other"))
	position.rests_on == "nothing"
	position.released == set()
}

test_nor_does_any_without_an_agreement if {
	[position.rests_on | some position in positions(world.question({"request": {"agreement": "other"}}))] == ["nothing"]
}

test_fields_are_those_asked_for_agreed_seen_and_consented_to if {
	narrowed := object.union(world.pair(0, "task"), {"fields": ["b", "z"]})
	position := first(world.question({"pairs": [narrowed]}))
	position.agreed == {"b"}
	position.refused == {"z"}
	first(world.asking("task")).released == {"a", "b"}
	first(world.deciding(object.union(world.given, {"except": ["b"]}))).released == {"a"}
}

test_a_field_the_role_may_not_see_is_refused if {
	roles := object.union(world.roles, {"nurse": {"sees": {"task": {"b": false}}}})
	blind := json.remove(roles, ["/nurse/sees/task/b"])
	position := asked.positions[0] with input as world.asking("task")
		with data.agreements as world.agreements
		with data.roles as blind
	position.agreed == {"a", "b"}
	position.seen == {"a"}
	position.refused == {"b"}
}

test_consent_that_the_request_requires_narrows_any_term if {
	task := object.union(world.pair(0, "task"), {"consent": object.union(world.given, {"fields": ["a"]})})
	first(world.question({"request": {"consent_mode": "required"}, "pairs": [task]})).released == {"a"}
	first(world.question({"pairs": [task]})).released == {"a", "b"}
}

test_an_override_is_known_at_the_position_it_lifts_for if {
	breaking := world.question({"request": {"override": world.override(["care"])}})
	[position.lifted | some position in positions(breaking)] == [false, true]
}
