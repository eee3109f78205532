# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.reason_where_asked

import data.commons.limits.reason_where_asked
import data.commons_test.world

held(facts, agreements) := found if {
	found := reason_where_asked.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
}

naming := world.agreed({"reason_asked": true, "reasons": {"life-at-risk": true}})

declaring(reason, purpose, category) := world.question({
	"request": {"declared_reason": reason, "purpose": purpose},
	"pairs": [world.pair(0, category)],
})

test_an_agreement_that_names_no_reasons_asks_for_none if held(world.asking("life"), world.agreements) == {0}

test_vital_interests_need_a_reason_that_the_agreement_names if {
	held(declaring("life-at-risk", "emergency.now", "life"), naming) == {0}
	held(declaring("", "emergency.now", "life"), naming) == set()
	held(declaring("curiosity", "emergency.now", "life"), naming) == set()
}

test_so_does_every_term_under_safeguarding if {
	held(declaring("", "safeguarding.adult", "task"), naming) == set()
	held(declaring("", "safeguarding", "task"), naming) == set()
	held(declaring("life-at-risk", "safeguarding.adult", "task"), naming) == {0}
}

test_no_other_term_does if held(declaring("", "direct-care.ward", "task"), naming) == {0}

test_a_purpose_that_only_begins_alike_does_not if held(declaring("", "safeguardingless", "task"), naming) == {0}
