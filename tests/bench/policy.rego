# SPDX-License-Identifier: Apache-2.0

# The checks of the commons as one would write them by hand in one policy: what the naive version and Envoy's OPA are
# asked. `data` holds the agreements and roles as the commons compiles them, and the systems that may ask; for Envoy,
# which has no database, also who is known and what they consented to.
package bench.access

default decision := {"allow": false, "fields": {}}

# asked by the naive version
decision := decide(input)

# asked by Envoy: the query stands in headers, the citizen in the form that goes to the source
default allow := false

allow if {
	request := input.attributes.request.http
	[_, number] := split(input.parsed_body["patient:identifier"][0], "|")
	decide({
		"claims": input.attributes.metadataContext.filterMetadata["envoy.filters.http.jwt_authn"].token,
		"agreement": request.headers["x-agreement"],
		"purpose": request.headers["x-purpose"],
		"source": request.headers["x-source"],
		"categories": [request.headers["x-category"]],
		"known": true, # or the next line is undefined, and so is all of this
		"consent": data.people[number],
	}).allow
}

decide(asked) := {"allow": true, "fields": fields} if {
	asked.known
	system := data.systems[asked.claims.client_id]
	system.active
	system.organisation == asked.claims.organisation
	data.organisations[system.organisation].active
	agreement := data.agreements[asked.agreement]
	agreement.recipients[system.organisation]
	now := time.now_ns() / 1000000000
	agreement.from <= now
	now < agreement.until
	agreement.purposes[asked.purpose]
	agreed_role(agreement, asked.claims.user.role)
	terms := agreement.terms[asked.source]
	fields := {category: object.keys(terms[category].fields) |
		some category in asked.categories
		lawful(terms[category], category, asked, now)
	}
	count(fields) == count(asked.categories)
}

agreed_role(agreement, _) if not agreement.roles_asked

agreed_role(agreement, role) if agreement.roles[role]

lawful(term, category, asked, now) if {
	term.confidentiality_basis == "explicit-consent"
	asked.consent[category] > now
}

lawful(term, _, asked, _) if {
	term.confidentiality_basis == "implied-consent-direct-care"
	startswith(asked.purpose, "direct-care")
	data.roles[asked.claims.user.role].direct_care
}

lawful(term, _, _, _) if {
	not term.confidentiality_basis in {"explicit-consent", "implied-consent-direct-care"}
	term.lawful_basis in {"6(1)(c)", "6(1)(e)"}
}
