# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.purpose

import data.commons.lib.purpose

test_a_purpose_is_under_itself if purpose.under("direct-care", "direct-care")

test_a_purpose_is_under_its_parent_and_its_parents_parent if {
	purpose.under("direct-care.ward.night", "direct-care.ward")
	purpose.under("direct-care.ward.night", "direct-care")
}

test_a_parent_is_not_under_its_child if {
	count([1 | purpose.under("direct-care", "direct-care.ward")]) == 0
}

test_a_purpose_that_only_begins_alike_is_not_under if {
	count([1 | purpose.under("direct-carefree", "direct-care")]) == 0
}
