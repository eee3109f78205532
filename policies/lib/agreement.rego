# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The agreement that is named, and on what its terms rest
# description: >-
#   Looked up once for a query, by its id. What a term says of a category stands once in it, as a kind, however many
#   sources it covers.
# scope: package
package commons.lib.agreement

agreement := data.agreements[input.request.agreement]

# source -> category -> name of the kind; none where there is no such agreement
default terms := {}

terms := agreement.terms

# name -> kind; none where there is no such agreement
default kinds := {}

kinds := agreement.kinds

# What stands for the kind of a pair that the agreement has no term for.
no_kind := {
	"category": "",
	"fields": {},
	"lawful_basis": "",
	"special_category_basis": "",
	"confidentiality_basis": "",
	"statute": "",
	"disclosure": "generic",
	"patient_information": true,
	"opt_out": "",
}

# A term states two bases: UK GDPR (Article 6, with 9 where needed) and the common law duty of confidentiality.
# Where any of them is consent, nothing but consent can carry the sharing. Where confidentiality rests on implied
# consent for direct care, nothing but direct care can. Anything else stands on its Article 6 basis.
rests_on(kind) := "nothing" if {
	kind.lawful_basis == ""
} else := "consent" if {
	kind.lawful_basis == "6(1)(a)"
} else := "consent" if {
	kind.special_category_basis == "9(2)(a)"
} else := "consent" if {
	kind.confidentiality_basis == "explicit-consent"
} else := "direct-care" if {
	kind.confidentiality_basis == "implied-consent-direct-care"
} else := "article-6"

# Consent is needed where a term rests on it, and where the request itself says that it is required.
needs_consent := {
	"consent": true,
	"direct-care": input.request.consent_mode == "required",
	"article-6": input.request.consent_mode == "required",
	"nothing": false,
}
