# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.care_relationship

import data.commons.limits.care_relationship
import data.commons_test.world

held(facts, agreements) := found if {
	found := care_relationship.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

naming := world.agreed({"relationship_asked": true, "relationships": {"referral": true}})

related(kinds) := asked("care", kinds)

asked(category, kinds) := world.question({
	"person": {"relationships": kinds},
	"pairs": [world.pair(0, category)],
})

test_an_agreement_that_names_no_relationship_asks_for_none if held(related([]), world.agreements) == {0}

test_a_relationship_that_the_agreement_names_holds if held(related(["other", "referral"]), naming) == {0}

test_no_relationship_or_another_does_not if {
	held(related([]), naming) == set()
	held(related(["other"]), naming) == set()
}

test_only_direct_care_asks_for_one if {
	every category in ["task", "duty", "life", "consented", "other"] {
		held(asked(category, []), naming) == {0}
	}
}

test_break_glass_lifts_it if {
	facts := object.union(related([]), {"request": {"override": world.override(["care"])}})
	held(facts, naming) == {0}
}

test_break_glass_for_another_category_does_not if {
	facts := object.union(related([]), {"request": {"override": world.override(["task"])}})
	held(facts, naming) == set()
}
