# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.among

import data.commons.lib.among
import data.commons_test.world

# Positions are numbered as the world's terms are: 0 is "task", 1 "care", 2 "consented".
three(change) := world.question({"pairs": [
	world.pair(0, "task"),
	world.pair(1, "care"),
	object.union(world.pair(2, "consented"), change),
]})

gathered(facts) := found if {
	found := among with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
		with data.purposes as world.purposes
}

test_each_rests_on_what_its_term_says if {
	gathered(three({})).resting == {"article-6": {0}, "direct-care": {1}, "consent": {2}, "nothing": set()}
}

test_what_the_agreement_has_no_term_for_rests_on_nothing if {
	gathered(world.asking("other")).resting.nothing == {0}
}

test_only_what_rests_on_consent_needs_one_unless_the_request_requires_it if {
	gathered(three({})).free == {0, 1}
	gathered(three({})).needing == {2}
	gathered(world.question({"request": {"consent_mode": "required"}})).free == set()
}

test_a_consent_is_given_or_not if {
	gathered(three({"consent": world.given})).given == {2}
	gathered(three({"consent": world.given})).not_given == {0, 1}
	every state in ["none", "refused", "withdrawn", "expired"] {
		found := gathered(three({"consent": object.union(world.undecided, {"state": state})}))
		found.given == set()
		found.not_given == {0, 1, 2}
	}
}

test_a_state_that_nobody_knows_is_neither if {
	found := gathered(three({"consent": object.union(world.undecided, {"state": "whatever"})}))
	found.given == set()
	found.not_given == {0, 1}
}

test_a_restriction_of_any_kind_binds if {
	gathered(three({})).unrestricted == {0, 1, 2}
	gathered(three({})).restricted == set()
	gathered(three({"restrictions": ["whatever"]})).unrestricted == {0, 1}
	gathered(three({"restrictions": ["whatever"]})).restricted == {2}
}

test_break_glass_lifts_for_the_categories_it_names if {
	gathered(three({})).lifted == set()
	breaking := world.question({"request": {"override": world.override(["care"])}})
	gathered(breaking).lifted == {1}
}
