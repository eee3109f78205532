# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.legal_obligation

import data.commons.grounds.legal_obligation
import data.commons_test.world

test_a_named_statute_applies if {
	legal_obligation.applies == {0} with input as world.asking("duty")
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_an_obligation_without_a_statute_does_not if {
	nameless := {"agreement": object.union(
		world.agreement,
		{"terms": {"source": {"duty": {"statute": ""}}}},
	)}
	count(legal_obligation.applies) == 0 with input as world.asking("duty")
		with data.agreements as nameless
		with data.roles as world.roles
}

test_no_other_term_does if {
	every category in ["consented", "care", "task", "life"] {
		count(legal_obligation.applies) == 0 with input as world.asking(category)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}
