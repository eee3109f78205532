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

import data.commons.lib.among.free
import data.commons.lib.among.given
import data.commons.lib.among.not_given
import data.commons.lib.asked.positions

# Where nothing was given nobody has decided: the ground of consent answers for it.
holds := (free | not_given) | {n |
	entitled := rights[input.person.age_band]
	known := positions
	some n in given
	known[n].consent.by in entitled
	may_decide(known[n])
}

may_decide(position) if position.term.patient_information == false

# About confidential patient information too.
may_decide(position) if position.consent.by in {
	"self", "parental-responsibility", "health-and-welfare-lpa", "court-appointed-deputy", "consent", "best-interest",
}

# age band -> the rights in which a decision is enough at that age
rights := {
	"under-13": {"parental-responsibility", "appointee"},
	"13-15": {"self", "parental-responsibility", "appointee"},
	"16-17": {"self", "court-appointed-deputy", "appointee", "consent", "best-interest"},
	"adult": {
		"self", "health-and-welfare-lpa", "property-and-financial-lpa", "court-appointed-deputy", "appointee",
		"consent",
		"best-interest",
	},
}
