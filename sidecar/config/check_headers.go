package config

import (
	"fmt"
	"slices"
	"strings"
)

// secretHeaders carry tokens, proofs and cookies: policies never see them.
func secretHeaders() []string {
	return []string{"authorization", "proxy-authorization", "cookie", "dpop", "x-subject-token"}
}

// framingHeaders say where a message goes and how long it is (RFC 9110, sections 7.2 and
// 7.6.1; RFC 9112, section 6): a policy that set them could make one request into two.
func framingHeaders() []string {
	return []string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "proxy-connection"}
}

// credentialHeaders say who somebody is, or ask it (RFC 9110, sections 11.6 and 11.7; RFC
// 6265, section 4). Every allow sets what headers.allow lists, to "-" where the policy
// gives nothing: that would sign everybody out, or in as somebody else.
func credentialHeaders() []string {
	return append(secretHeaders(), "set-cookie", "www-authenticate", "proxy-authenticate",
		"authentication-info", "proxy-authentication-info")
}

// checkHeaders checks the two lists of header patterns.
func (l *loader) checkHeaders(h Headers) {
	l.checkPatterns("headers.allow", h.Allow, slices.Concat(framingHeaders(), credentialHeaders()), "which a policy must not set")
	l.checkPatterns("headers.forward", h.Forward, secretHeaders(), "which policies never see")
}

// checkPatterns checks one list, and that none of it matches a barred header.
func (l *loader) checkPatterns(path string, patterns, barred []string, why string) {
	l.filled(path, patterns)
	for i, pattern := range patterns {
		here := fmt.Sprintf("%s[%d]", path, i)
		if what := patternFault(pattern); what != "" {
			l.refuse(here, fmt.Sprintf("%q %s", pattern, what), "write a lower-case header name, with a * at its end for any rest")
			continue
		}
		for _, name := range barred {
			if matches(pattern, name) {
				l.refuse(here, fmt.Sprintf("%q matches %s, %s", pattern, name, why), "name the headers more narrowly")
			}
		}
	}
}

// patternFault says what is wrong with a pattern; empty: nothing.
func patternFault(pattern string) string {
	name := strings.TrimSuffix(pattern, "*")
	switch {
	case name == "":
		return "would match every header"
	case strings.Contains(name, "*"):
		return "has a * before its end"
	case name != strings.ToLower(name):
		return "is not in lower case"
	case strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }):
		return "is not a header name"
	default:
		return ""
	}
}

// isToken reports whether r may stand in a header's name (RFC 9110, section 5.6.2).
func isToken(r rune) bool { return isAlphanumeric(r) || strings.ContainsRune("!#$%&'*+-.^_`|~", r) }

// matches reports whether a well-formed pattern matches a name.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
