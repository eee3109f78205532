# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The national data opt-out does not apply
# description: >-
#   Confidential patient information is not used beyond individual care where the citizen opted out, unless they
#   agreed to this very use, a law requires it, or the agreement names an exemption that was granted. The opt-out
#   outlives the person. Break-glass may lift this.
# scope: package
# custom:
#   order: 85
#   about: person
#   withheld_reason: national-opt-out
#   remedy: none
#   legal_source: >-
#     National data opt-out operational policy guidance 4.0; NHS Act 2006 s.251; Health and Social Care Act 2012
#   agency: The national data opt-out applies to this.
#   citizen: You chose the national data opt-out, so it was not shared.
package commons.limits.national_opt_out

import data.commons.lib.among.lifted
import data.commons.lib.asked.all_positions
import data.commons.lib.asked.positions

# For the care of this one person, or because they did not opt out, it stops nothing.
holds := all_positions if {
	data.purposes[input.request.purpose].individual_care == true
} else := all_positions if {
	count({code | some code in input.person.opt_outs; code == "national-data-opt-out"}) == 0
} else := {position.n | some position in positions; exempt(position)} | lifted

exempt(position) if position.term.patient_information == false

# They agreed to this very use.
exempt(position) if {
	position.rests_on == "consent"
	position.consent.state == "given"
}

# A law requires it.
exempt(position) if {
	position.term.lawful_basis == "6(1)(c)"
	position.term.statute != ""
}

exempt(position) if position.term.opt_out in {"overriding-public-interest", "anonymised", "granted"}
