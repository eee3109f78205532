# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Whoever agreed can decide at this age
# description: >-
#   Where consent is needed and was given: a child under 13 never decides alone; from 13 to 15 they may, since the
#   ledger takes such a decision only with a finding that they understand it (Gillick), or a parent decides; from 16
#   they decide themselves, and a parent no longer does. A person whose age is not known is nobody whose consent can
#   be shown to be valid, by whomever it was given, so it does not carry: the controller has to be able to show it.
#   Attorneys under a property power and appointees do not decide about confidential patient information.
# scope: package
# custom:
#   order: 83
#   about: person
#   withheld_reason: authority-insufficient
#   remedy: consent-request
#   legal_source: >-
#     UK GDPR Article 7(1), Article 8; Data Protection Act 2018 s.9, s.208; Gillick v West Norfolk and Wisbech AHA
#     [1986] AC 112; Family Law Reform Act 1969 s.8; Mental Capacity Act 2005 ss.9, 16
#   agency: Whoever agreed to this cannot decide it for this person, or nothing shows that they can.
#   citizen: Whoever agreed to this could not decide it alone, so it was not shared.
package commons.limits.age_of_decision

import data.commons.lib.asked.positions

holds contains position.n if {
	some position in positions
	position.needs_consent == false
}

holds contains position.n if {
	entitled := rights_at_this_age
	some position in positions
	entitled[position.consent.by] == true
	position.term.patient_information == false
}

holds contains position.n if {
	entitled := rights_at_this_age
	some position in positions
	entitled[position.consent.by] == true
	position.consent.by in over_health
}

# Nothing was given, so nobody has decided: the ground of consent answers for it.
holds contains position.n if {
	some position in positions
	position.consent.state in {"none", "refused", "withdrawn", "expired"}
}

# in which right it was decided -> the ages at which that is enough
rights := {
	"self": ["13-15", "16-17", "adult"],
	"parental-responsibility": ["under-13", "13-15"],
	"health-and-welfare-lpa": ["adult"],
	"property-and-financial-lpa": ["adult"],
	"court-appointed-deputy": ["16-17", "adult"],
	"appointee": ["under-13", "13-15", "16-17", "adult"],
	"consent": ["16-17", "adult"],
	"best-interest": ["16-17", "adult"],
}

rights_at_this_age := {by: true |
	some by, ages in rights
	input.person.age_band in ages
}

# The rights in which somebody decides about confidential patient information too.
over_health := {
	"self",
	"parental-responsibility",
	"health-and-welfare-lpa",
	"court-appointed-deputy",
	"consent",
	"best-interest",
}
