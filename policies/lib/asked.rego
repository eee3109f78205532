# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: What is asked, and what the agreement says of it
# description: >-
#   Looks the named agreement up once, and for every pair (source, category) the one term that covers it. A pair
#   without a term is not among `pairs`, so that no limit or ground that reads the term can be met for it.
# scope: package
package commons.lib.asked

agreement := data.agreements[input.request.agreement]

pairs := [asked |
	sources := agreement.terms
	some pair in input.pairs
	categories := sources[pair.source]
	term := categories[pair.category]
	asked := {
		"n": pair.n,
		"term": term,
		"rests_on": rests_on(term),
		"fields": agreed(pair.fields, term.fields),
		"consent": pair.consent,
	}
]

# A term states two bases: UK GDPR (Article 6, with 9 where needed) and the common law duty of confidentiality.
# Where any of them is consent, nothing but consent can carry the sharing. Where confidentiality rests on implied
# consent for direct care, nothing but direct care can. Anything else stands on its Article 6 basis.
rests_on(term) := "consent" if {
	term.lawful_basis == "6(1)(a)"
} else := "consent" if {
	term.special_category_basis == "9(2)(a)"
} else := "consent" if {
	term.confidentiality_basis == "explicit-consent"
} else := "direct-care" if {
	term.confidentiality_basis == "implied-consent-direct-care"
} else := "article-6"

# Asking for no field by name asks for all that the agreement allows.
agreed(wanted, allowed) := object.keys(allowed) if {
	count(wanted) == 0
} else := {field | some field in wanted; allowed[field] == true}
