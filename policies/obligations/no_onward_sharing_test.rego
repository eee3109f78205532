# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.no_onward_sharing

import data.commons.obligations.no_onward_sharing
import data.commons_test.world

test_an_agreement_that_forbids_it_makes_it_a_duty if {
	no_onward_sharing.duties == {{"type": "no-onward-sharing"}} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_one_that_allows_it_does_not if {
	open := {"agreement": object.union(world.agreement, {"onward_sharing": true})}
	count(no_onward_sharing.duties) == 0 with input as world.facts
		with data.agreements as open
		with data.roles as world.roles
	no_onward_sharing.stated with input as world.facts
		with data.agreements as open
		with data.roles as world.roles
}

test_one_that_says_nothing_cannot_be_stated if {
	silent := {"agreement": json.remove(world.agreement, ["/onward_sharing"])}
	object.get(no_onward_sharing, "stated", "undefined") == "undefined" with input as world.facts
		with data.agreements as silent
		with data.roles as world.roles
}
