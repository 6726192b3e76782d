// Package assurance owns levels and vocabularies and the laws they obey: which level
// implies which, what the claims of one kind of provider mean, which logins it offers
// and how to ask for each.
//
// A [Catalog] is loaded from data (data.stepup.levels, data.stepup.vocabularies), in
// full or not at all: a vocabulary that could mislead is an error that says where and
// what to do, never a level less or more. [Catalog.For] gives an issuer its
// [Vocabulary], with this tenant's words and below its ceiling. [Vocabulary.Challenges]
// turns a step-up, which speaks of assurance, into what a client is told.
//
// What it leaves to others: reading the claims of a token is the work of the Rego
// library stepup.assurance, compiled by package policy. [Catalog.ReadBack] holds that
// reading to the law that joins both directions of a vocabulary: the claims of a login
// read back to the level of that login. Choosing a login for somebody who was refused is
// the work of package derive.
//
// Standards: acr, amr, auth_time and "0" by OpenID Connect Core 1.0 (section 2), amr
// values by RFC 8176, acr values phr and phrh by OpenID EAP ACR Values 1.0, acr_values in
// challenges by RFC 9470 (section 3), the claims parameter of Entra's challenge by OpenID
// Connect Core (section 5.5), scopes by RFC 6749 (section 3.3).
package assurance
