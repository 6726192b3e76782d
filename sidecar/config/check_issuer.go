package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// developmentHost is the host of the development issuer, which a flag alone brings in:
// as configuration its self-made tokens would be good in production.
const developmentHost = "dev.stepup.invalid"

// algorithms returns the signature algorithms that can be configured (RFC 7518, section
// 3.1; RFC 8037). none and HS* are not among them: nothing secret is shared with an issuer.
func algorithms() []string {
	return []string{"ES256", "ES384", "EdDSA", "PS256", "RS256", "ES512", "PS384", "PS512", "RS384", "RS512"}
}

// verificationClaims returns the claims by which a token is verified. A rename would make
// another claim count in their place, or make one of them tell of a login.
func verificationClaims() []string {
	return []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "client_id", "azp", "scope", "scp"}
}

// checkIssuers checks each issuer, and that none is there twice.
func (l *loader) checkIssuers(issuers []Issuer) {
	first := map[string]int{}
	for i, issuer := range issuers {
		path := fmt.Sprintf("issuers[%d]", i)
		if j, twice := first[issuer.Issuer]; twice && issuer.Issuer != "" {
			l.refuse(path+".issuer", fmt.Sprintf("%q is the issuer of issuers[%d] already", issuer.Issuer, j), "put both into one")
		} else {
			first[issuer.Issuer] = i
		}
		l.checkIssuer(path, issuer)
	}
}

// checkIssuer checks one issuer.
func (l *loader) checkIssuer(path string, i Issuer) {
	l.checkIssuerURL(path+".issuer", i.Issuer)
	l.checkAudiences(path, i)
	l.checkVocabulary(path+".vocabulary", i.Vocabulary)
	l.checkRenames(path+".claims", i.Claims)
	l.checkLevels(path+".levels", i.Levels)
	l.checkAlgorithms(path+".algorithms", i.Algorithms)
	l.checkTyp(path+".typ", i.Typ)
	l.checkKeys(path, i)
}

// checkIssuerURL checks an issuer as OpenID Connect Discovery 1.0, section 3, and RFC
// 8414, section 2, have it.
func (l *loader) checkIssuerURL(path, issuer string) {
	if issuer == "" {
		l.missing(path, path, "missing", "write the issuer exactly as its tokens spell it in iss")
		return
	}
	u, err := fetchable(issuer)
	switch {
	case err != nil:
		l.refuse(path, fmt.Sprintf("%q %v", issuer, err), "write the issuer exactly as its tokens spell it in iss")
	case strings.Contains(issuer, "?"):
		l.refuse(path, fmt.Sprintf("%q has a query", issuer), "an issuer has none")
	case strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), developmentHost):
		l.refuse(path, "the development issuer cannot be configured", "use serve --dev on a machine for development")
	}
}

// fetchable says why an address is not one that keys may be fetched from: https, or http
// on loopback; no user, no fragment.
func fetchable(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("is not an absolute https URL")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("is http, which is accepted on loopback only")
	case u.User != nil:
		return nil, errors.New("has a user in it")
	case strings.Contains(address, "#"):
		return nil, errors.New("has a fragment")
	}
	return u, nil
}

// checkAudiences wants at least one value, none in both lists: a token whose aud is in
// both would be access token and ID token at once.
func (l *loader) checkAudiences(path string, i Issuer) {
	l.filled(path+".audiences", i.Audiences)
	l.filled(path+".clients", i.Clients)
	if len(i.Audiences)+len(i.Clients) == 0 {
		l.missing(path+".audiences", path, "neither audiences nor clients are given, so every token of this issuer would be refused", "write the aud of its access tokens here, or that of its ID tokens under clients")
	}
	for n, client := range i.Clients {
		if i.Vocabulary == "cognito" {
			break // its access tokens have no aud but their client, and say themselves what they are
		}
		if slices.Contains(i.Audiences, client) {
			l.refuse(fmt.Sprintf("%s.clients[%d]", path, n), fmt.Sprintf("%q is in audiences too", client), "an aud means an access token or an ID token, never both: keep one")
		}
	}
}

// checkVocabulary wants the vocabulary named: none is so common that it could be guessed.
func (l *loader) checkVocabulary(path, name string) {
	switch {
	case name == "":
		l.missing(path, path, "missing", "name what this issuer's claims mean, for example auth0 or oidc")
	case strings.ContainsAny(name, "/ "):
		l.refuse(path, fmt.Sprintf("%q is not the name of a vocabulary", name), "")
	}
}

// checkRenames checks the issuer's names for the claims that the vocabulary reads: none
// of them verifies, and none is read twice.
func (l *loader) checkRenames(path string, renames map[string]string) {
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(renames)) {
		source := renames[name]
		l.checkRename(path+"."+name, name, source)
		if other, twice := names[source]; twice {
			l.refuse(path+"."+name, fmt.Sprintf("%q is read for %s already", source, other), "give each name a claim of its own")
		}
		names[source] = name
	}
}

// checkRename checks one name and the claim of the token that is read for it.
func (l *loader) checkRename(path, name, source string) {
	if name == "" || source == "" {
		l.refuse(path, "an empty name", "write the vocabulary's name and the token's, {authentication_level: 'https://fabrikam.example/authentication_level'}")
	}
	for _, claim := range []string{name, source} {
		if slices.Contains(verificationClaims(), claim) {
			l.refuse(path, fmt.Sprintf("%s is a claim by which tokens are verified", claim), "it cannot be renamed, nor stand for another")
		}
	}
}

// checkLevels checks this tenant's words: two levels of one word could not be told apart.
func (l *loader) checkLevels(path string, words map[string]string) {
	levels := map[string]string{}
	for _, level := range slices.Sorted(maps.Keys(words)) {
		word := words[level]
		if level == "" || word == "" {
			l.refuse(path+"."+level, "an empty name", "write the level and this tenant's word for it, {mfa: c1}")
		} else if other, twice := levels[word]; twice {
			l.refuse(path+"."+level, fmt.Sprintf("%q is the word for %s already", word, other), "give each level a word of its own")
		}
		levels[word] = level
	}
}

// checkAlgorithms accepts what [algorithms] lists, spelt exactly so.
func (l *loader) checkAlgorithms(path string, list []string) {
	if len(list) == 0 {
		l.refuse(path, "empty, so every token of this issuer would be refused", "leave it out for the default")
	}
	l.filled(path, list)
	for i, a := range list {
		if !slices.Contains(algorithms(), a) {
			l.refuse(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is not accepted", a), "write some of "+strings.Join(algorithms(), ", "))
		}
	}
}

// checkTyp accepts media types (RFC 7515, section 4.1.9), and an empty text for none.
func (l *loader) checkTyp(path string, list []string) {
	for i, typ := range list {
		if strings.ContainsFunc(typ, func(r rune) bool { return r != '/' && !isToken(r) }) {
			l.refuse(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is not a media type", typ), "write for example at+jwt")
		}
	}
}

// checkKeys wants at most one place that keys come from.
func (l *loader) checkKeys(path string, i Issuer) {
	if i.JWKSURI != "" && i.JWKSFile != "" {
		l.refuse(path+".jwks_file", "set together with jwks_uri", "keep one")
	}
	if i.JWKSURI == "" {
		return
	}
	if _, err := fetchable(i.JWKSURI); err != nil {
		l.refuse(path+".jwks_uri", fmt.Sprintf("%q %v", i.JWKSURI, err), "write an https URL")
	}
}
