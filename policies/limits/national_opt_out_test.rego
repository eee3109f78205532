# SPDX-License-Identifier: Apache-2.0

package commons_test.limits.national_opt_out

import data.commons.limits.national_opt_out
import data.commons_test.world

held(facts, agreements) := found if {
	found := national_opt_out.holds with input as facts
		with data.agreements as agreements
		with data.roles as world.roles
		with data.purposes as world.purposes
}

patient(name, change) := world.kinds_with(name, object.union({"patient_information": true}, change))

opted_out(purpose, category) := opted_out_of(purpose, world.pair(0, category))

opted_out_of(purpose, pair) := world.question({
	"person": {"opt_outs": ["other", "national-data-opt-out"]},
	"request": {"purpose": purpose},
	"pairs": [pair],
})

test_it_stops_patient_information_beyond_individual_care if {
	held(opted_out("research.now", "task"), patient("k0", {})) == set()
}

test_it_does_not_stop_individual_care if held(opted_out("direct-care.ward", "task"), patient("k0", {})) == {0}

test_a_purpose_nobody_knows_is_beyond_it if held(opted_out("other.now", "task"), patient("k0", {})) == set()

test_it_does_not_stop_what_is_no_patient_information if {
	held(opted_out("research.now", "task"), world.agreements) == {0}
}

test_it_does_not_stop_what_concerns_somebody_who_did_not_opt_out if {
	facts := object.union(opted_out("research.now", "task"), {"person": {"opt_outs": ["other"]}})
	held(facts, patient("k0", {})) == {0}
}

test_consent_to_this_very_use_goes_before_it if {
	consented := object.union(world.pair(0, "consented"), {"consent": world.given})
	held(opted_out_of("research.now", consented), patient("k2", {})) == {0}
	held(opted_out("research.now", "consented"), patient("k2", {})) == set()
}

test_a_law_that_requires_it_goes_before_it if {
	held(opted_out("research.now", "duty"), patient("k3", {})) == {0}
	held(opted_out("research.now", "duty"), patient("k3", {"statute": ""})) == set()
}

test_an_exemption_that_was_granted_goes_before_it if {
	every exemption in ["overriding-public-interest", "anonymised", "granted"] {
		held(opted_out("research.now", "task"), patient("k0", {"opt_out": exemption})) == {0}
	}
	held(opted_out("research.now", "task"), patient("k0", {"opt_out": "hoped-for"})) == set()
}

test_break_glass_lifts_it if {
	facts := object.union(opted_out("research.now", "task"), {"request": {"override": world.override(["task"])}})
	held(facts, patient("k0", {})) == {0}
}
