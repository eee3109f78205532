# SPDX-License-Identifier: Apache-2.0

package commons_test.lib.fields

import data.commons.lib.fields
import data.commons_test.world

released(change) := fields.released(true, object.union(world.given, change), {"a", "b"})

test_asking_for_no_field_by_name_asks_for_all if {
	fields.agreed([], {"a", "b"}) == {"a", "b"}
}

test_a_field_that_is_asked_for_and_not_agreed_is_not_among_them if {
	fields.agreed(["b", "z"], {"a", "b"}) == {"b"}
}

test_consent_to_all_releases_what_the_role_may_see if {
	released({}) == {"a", "b"}
}

test_consent_to_one_field_releases_that_one if {
	released({"fields": ["a"]}) == {"a"}
}

test_consent_never_widens_the_agreement if {
	released({"fields": ["a", "z"]}) == {"a"}
}

test_a_field_taken_out_of_a_consent_stays_behind if {
	released({"except": ["a"]}) == {"b"}
	released({"fields": ["a", "b"], "except": ["a"]}) == {"b"}
}

test_where_no_consent_is_needed_it_does_not_narrow if {
	fields.released(false, object.union(world.given, {"fields": ["z"]}), {"a", "b"}) == {"a", "b"}
}
