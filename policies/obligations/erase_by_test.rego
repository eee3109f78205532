# SPDX-License-Identifier: Apache-2.0

package commons_test.obligations.erase_by

import data.commons.obligations.erase_by
import data.commons_test.world

test_the_date_is_the_retention_from_today if {
	erase_by.duties == {{"type": "erase-by", "at": "2001-09-19"}} with input as world.facts
		with data.agreements as world.agreements
}

test_a_duty_that_can_be_stated_is_stated if {
	erase_by.stated with input as world.facts with data.agreements as world.agreements
}

test_without_a_retention_it_cannot_be_stated if {
	endless := {"agreement": json.remove(world.agreement, ["/retention_days"])}
	object.get(erase_by, "stated", "undefined") == "undefined" with input as world.facts with data.agreements as endless
}
