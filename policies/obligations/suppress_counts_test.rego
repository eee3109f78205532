# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.suppress_counts

import data.commons.obligations.suppress_counts
import data.commons_test.world

with_bound(below) := world.agreed({"suppress_counts_below": below})

test_an_agreement_that_names_a_number_makes_it_a_duty if {
	suppress_counts.duties == {{"type": "suppress-counts", "below": 5}} with input as world.facts
		with data.agreements as with_bound(5)
		with data.roles as world.roles
}

test_one_that_names_none_does_not if {
	count(suppress_counts.duties) == 0 with input as world.facts
		with data.agreements as with_bound(0)
		with data.roles as world.roles
	suppress_counts.stated with input as world.facts
		with data.agreements as with_bound(0)
		with data.roles as world.roles
}

test_without_an_agreement_it_cannot_be_stated if {
	object.get(suppress_counts, "stated", "undefined") == "undefined" with input as world.facts
		with data.agreements as {}
		with data.roles as world.roles
}
