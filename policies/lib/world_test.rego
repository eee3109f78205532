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

kind(category, lawful, special, confidentiality, statute) := {
	"category": category,
	"fields": {"a": true, "b": true},
	"lawful_basis": lawful,
	"special_category_basis": special,
	"confidentiality_basis": confidentiality,
	"statute": statute,
	"disclosure": "explain",
	"patient_information": false,
	"opt_out": "",
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
	"statutes": {"An Act s.1": true},
	"training": [],
	# Positions are numbered in the order of these names, so that "task" is 0 where "task" and "care" are asked.
	"kinds": {
		"k0": kind("task", "6(1)(e)", "", "statutory-gateway", ""),
		"k1": kind("care", "6(1)(e)", "9(2)(h)", "implied-consent-direct-care", ""),
		"k2": kind("consented", "6(1)(a)", "9(2)(a)", "explicit-consent", ""),
		"k3": kind("duty", "6(1)(c)", "", "legal-duty", "An Act s.1"),
		"k4": kind("life", "6(1)(d)", "", "overriding-public-interest", ""),
	},
	"terms": {"source": {"task": "k0", "care": "k1", "consented": "k2", "duty": "k3", "life": "k4"}},
	"hours_asked": false,
	"hours_from": 0,
	"hours_until": 0,
	"weekdays": [],
	"times": 0,
	"window_s": 0,
	"relationship_asked": false,
	"relationships": {},
	"reason_asked": false,
	"reasons": {},
	"ceilings": {},
	"overrides": {"vital-interests": true},
	"suppress_counts_below": 0,
}

agreements := {"agreement": agreement}

# Every role sees both fields of every category; a test narrows it.
sees := {category: {"a": true, "b": true} | some category in ["task", "care", "consented", "duty", "life"]}

roles := {
	"nurse": {"direct_care": true, "sees": sees},
	"clerk": {"direct_care": false, "sees": sees},
	"": {"direct_care": false, "sees": {}},
}

purposes := {
	"direct-care.ward": {"individual_care": true},
	"emergency.now": {"individual_care": true},
	"research.now": {"individual_care": false},
}

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

said := {
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

# An override that is in force.
override(categories) := {"reason": "vital-interests", "until": now + 60, "categories": categories}

# The question with one thing changed; what is not named stays.
question(change) := shared(object.union(said, change))

facts := question({})

# Facts whose pairs say themselves how they stand, as a judge is given them: what pairs share is written once.
shared(whole) := object.union(json.remove(whole, ["pairs"]), {"standings": standings, "pairs": pairs}) if {
	members := ["fields", "consent", "restrictions", "objection"]
	standings := [one | some one in {object.filter(own, members) | some own in whole.pairs}]
	pairs := [written |
		some own in whole.pairs
		some number, one in standings
		one == object.filter(own, members)
		written := object.union(object.remove(own, members), {"standing": number})
	]
}

asking(category) := question({"pairs": [pair(0, category)]})

deciding(consent) := question({"pairs": [consented_pair(consent)]})

without(path) := json.remove(facts, [path])

# The agreement with some members changed, and with one of its kinds changed; as `data.agreements`.
agreed(change) := {"agreement": object.union(agreement, change)}

kinds_with(name, change) := agreed({"kinds": {name: change}})
