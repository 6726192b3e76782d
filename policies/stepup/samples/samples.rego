# METADATA
# title: Samples
# description: >-
#   Builders of inputs for tests of policies, so that a test says only what it is about
#   and no name of a member is misspelt:
#   with input as samples.document([samples.person("alice"), samples.login("mfa", 600), …])
# schemas:
#   - input: schema.access.input
package stepup.samples

# METADATA
# title: The moment of every sample
# description: In seconds since 1970. Tests never read a clock.
now := 1795428120

# METADATA
# title: The issuer of every sample
# description: That of development tokens, whose vocabulary is stepup-demo.
issuer := "https://dev.stepup.invalid/"

# METADATA
# title: A document
# description: >-
#   The input that the parts make together. It tells of nobody and nothing until a part
#   does, and has a token as soon as a part tells of one. Of two parts that disagree the
#   later one counts.
document(parts) := object.union_n([_blank, _blank_token_of(parts), object.union_n(parts)])

# METADATA
# title: A person
# description: Who acts, as their token tells.
person(id) := {
	"subject": {"type": "user", "id": id, "properties": {"issuer": issuer}},
	"token": {"subject": id, "claims": {"iss": issuer, "sub": id}},
}

# METADATA
# title: A machine
# description: A client that acts for nobody. It never has a level.
machine(id) := {
	"subject": {"type": "client", "id": id, "properties": {"issuer": issuer}},
	"token": {"subject": id, "client_id": id, "claims": {"iss": issuer, "sub": id}},
}

# METADATA
# title: A token
# description: The scopes that were granted, and any further claims.
token(scopes, claims) := {"token": {"scopes": scopes, "claims": claims}}

# METADATA
# title: A login
# description: One of a level that stepup-demo offers, some seconds ago.
login(level, age) := {
	"token": {"claims": object.union(claims, {"auth_time": now - age})},
	"assurance": {"levels": _implied(level), "methods": claims.amr, "auth_time": now - age, "age": age},
} if {
	some offered in data.stepup.vocabularies["stepup-demo"].logins
	offered.level == level
	claims := offered.claims[0]
}

# METADATA
# title: A request
# description: As a gateway forwards it, which is an action on a route.
request(method, path) := {
	"action": {"name": method},
	"resource": {"type": "route", "id": path},
	"request": {
		"method": method,
		"scheme": "https",
		"host": "intranet.fabrikam.example",
		"path": path,
		"segments": [segment | some segment in split(path, "/"); segment != ""],
		"query": {},
		"headers": {},
		"client_ip": "203.0.113.7",
	},
}

# METADATA
# title: Nobody asking about nothing
# description: Every member that a document always has.
_blank := {
	"subject": {"type": "user", "id": "", "properties": {}},
	"action": {"name": "", "properties": {}},
	"resource": {"type": "", "id": "", "properties": {}},
	"context": {},
	"assurance": {"levels": [], "methods": [], "auth_time": 0, "age": now},
	"now": now,
}

# METADATA
# title: A token that tells nothing
# description: There only if a part of the document tells of a token.
default _blank_token_of(_) := {}

_blank_token_of(parts) := {"token": {
	"issuer": issuer,
	"subject": "",
	"client_id": "intranet",
	"audiences": ["https://intranet.fabrikam.example/api"],
	"scopes": [],
	"kind": "access_token",
	"binding": "none",
	"expires_at": now + 3600,
	"vocabulary": {"name": "stepup-demo", "levels": {}, "max_level": ""},
	"claims": {},
}} if {
	some part in parts
	part.token
}

# METADATA
# title: What a level implies
# description: Itself and everything below it, weakest first, which is by how many they imply.
_implied(level) := [lower |
	order := {name: object.get(facts, "implies", []) | some name, facts in data.stepup.levels}
	ranked := [[count(graph.reachable(order, {name})), name] | some name in graph.reachable(order, {level})]
	some [_, lower] in sort(ranked)
]
