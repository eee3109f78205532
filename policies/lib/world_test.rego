# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The small world the rules' tests speak of
# description: >-
#   One agreement with a term for every kind of ground, and a question that every term answers. A test changes one
#   thing with `question` and says what follows. Tests live in packages `commons_test.…`, since whatever stands
#   under `commons.limits` would be taken for a limit.
# scope: package
package commons_test.world

now := 1000000000

term(lawful, special, confidentiality, statute) := {
	"lawful_basis": lawful,
	"special_category_basis": special,
	"confidentiality_basis": confidentiality,
	"statute": statute,
	"disclosure": "explain",
	"fields": {"a": true, "b": true},
}

agreement := {
	"id": "agreement",
	"from": now - 100,
	"until": now + 1000000,
	"recipients": {"asker": true, "principal": true},
	"purposes": {"direct-care.ward": true, "emergency.now": true},
	"claims": {"6(1)(e)": true, "9(2)(h)": true},
	"roles_asked": true,
	"roles": {"nurse": true},
	"roles_assured": false,
	"retention_days": 10,
	"onward_sharing": false,
	"terms": {"source": {
		"consented": term("6(1)(a)", "9(2)(a)", "explicit-consent", ""),
		"care": term("6(1)(e)", "9(2)(h)", "implied-consent-direct-care", ""),
		"task": term("6(1)(e)", "", "statutory-gateway", ""),
		"duty": term("6(1)(c)", "", "legal-duty", "An Act s.1"),
		"life": term("6(1)(d)", "", "overriding-public-interest", ""),
	}},
}

agreements := {"agreement": agreement}

roles := {"nurse": {"direct_care": true}, "clerk": {"direct_care": false}}

undecided := {
	"state": "none",
	"until": 0,
	"fields": [],
	"except": [],
	"by": "",
	"times": 0,
	"recent": -1,
	"erase_by": 0,
	"access_modes": [],
}

given := object.union(undecided, {"state": "given", "until": now + 50, "by": "self"})

pair(n, category) := {
	"n": n,
	"source": "source",
	"category": category,
	"fields": [],
	"consent": undecided,
	"restrictions": [],
	"objection": "none",
}

consented_pair(consent) := object.union(pair(0, "consented"), {"consent": consent})

facts := {
	"now": now,
	"caller": {
		"organisation": "asker",
		"organisation_active": true,
		"system_active": true,
		"role": "nurse",
		"role_assured": false,
		"training": [],
	},
	"person": {"known": true, "deceased": false, "age_band": "adult", "relationships": [], "opt_outs": []},
	"request": {
		"agreement": "agreement",
		"purpose": "direct-care.ward",
		"lawful_basis": "6(1)(e)",
		"special_category_basis": "9(2)(h)",
		"consent_mode": "if-present",
		"on_behalf_of": "",
		"declared_reason": "",
		"statute": "",
		"recent": -1,
		"local_minute": -1,
		"local_weekday": -1,
		"override": {"reason": "", "until": 0, "categories": []},
	},
	"pairs": [pair(0, "task"), pair(1, "care")],
}

# The question with one thing changed; what is not named stays.
question(change) := object.union(facts, change)

asking(category) := question({"pairs": [pair(0, category)]})

deciding(consent) := question({"pairs": [consented_pair(consent)]})

without(path) := json.remove(facts, [path])
