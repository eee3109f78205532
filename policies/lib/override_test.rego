# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.override

import data.commons.lib.override
import data.commons_test.world

breaking(change) := world.question({"request": {"override": object.union(world.override(["care"]), change)}})

lifted(facts) := categories if {
	categories := override.lifted with input as facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_override_in_force_lifts_for_the_categories_it_names if {
	lifted(breaking({})) == {"care"}
	lifted(breaking({"categories": ["care", "task"]})) == {"care", "task"}
}

test_it_lifts_until_its_end_and_no_longer if {
	lifted(breaking({"until": world.now + 1})) == {"care"}
	lifted(breaking({"until": world.now})) == set()
}

test_without_a_reason_there_is_none if {
	lifted(breaking({"reason": ""})) == set()
}

test_a_reason_the_agreement_does_not_accept_lifts_nothing if {
	lifted(breaking({"reason": "curiosity"})) == set()
}

test_one_that_names_no_categories_lifts_nothing if {
	lifted(breaking({"categories": []})) == set()
}

test_it_is_reviewed_within_72_hours if override.review_s == 72 * 3600
