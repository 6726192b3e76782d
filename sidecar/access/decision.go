package access

import "net/http"

// Outcome is what a Decision says. It is closed: switch over all four.
type Outcome uint8

// The outcomes. Deny is the zero value, so an answer nobody filled in refuses.
// Three are told to callers; Indeterminate is shown as a fault.
const (
	Deny          Outcome = iota // no, and no login would mend it
	Allow                        // yes
	StepUp                       // no, but a stronger or fresher login would mend it
	Indeterminate                // we could not decide, so no
)

// String returns the word of the native protocol. Indeterminate is told as "deny":
// a fault never reads as anything that could be taken for consent.
func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allow"
	case StepUp:
		return "step_up"
	case Deny, Indeterminate:
		return "deny"
	}
	return "deny"
}

// NoLevel is the level of somebody who proved nothing that the vocabulary knows.
const NoLevel = "none"

// Assurance is how strongly and when the person behind a verified token signed in.
// It depends on the token only, never on the clock: ages are left to the document.
// The zero value is not used; see [NoAssurance].
type Assurance struct {
	Level    string   // the strongest level in the vocabulary's order, or NoLevel
	Levels   []string // every level that the login satisfies, weakest first; never nil
	Methods  []string // authentication methods (RFC 8176 amr values); never nil
	AuthTime int64    // seconds since the epoch; 0 if the token does not tell
	// Told reports that the token has a claim which its vocabulary reads, whatever it
	// says. Without one, and without a mark, a token is a machine's.
	Told bool
}

// NoAssurance returns the assurance of nobody.
func NoAssurance() Assurance {
	return Assurance{Level: NoLevel, Levels: []string{}, Methods: []string{}}
}

// A Decision is the answer to one Request. It is made once and never changed; its
// slices and maps are shared and must not be written to.
type Decision struct {
	ID      string // UUIDv7
	Outcome Outcome
	// Reasons say why, the deciding one first; empty on allow.
	Reasons   []Reason
	Assurance Assurance
	// StepUp is what to ask the provider for; non-nil exactly when Outcome is StepUp.
	StepUp *StepUpAdvice
	// Challenges are what a resource server would send in WWW-Authenticate.
	Challenges []Challenge
	// Obligations are the policy's own, shown on any outcome.
	Obligations []Object
	// Headers go to the upstream, on allow only.
	Headers map[string]string
	// Revision names the policies that are active, whether they were asked or not; empty
	// while there are none.
	Revision string
	// ValidUntil is the NumericDate until which a fresh answer would be the same as
	// far as time alone goes; 0 if that is not known.
	ValidUntil int64
}

// Code returns the code of the deciding reason, or "" on an allow.
func (d Decision) Code() Code {
	if len(d.Reasons) == 0 {
		return ""
	}
	return d.Reasons[0].Code
}

// Status returns the HTTP status a resource server would answer with: 200 on allow,
// 401 on a step-up, and otherwise what the table of codes gives the deciding reason
// (403 for a policy's own reasons).
func (d Decision) Status() int {
	switch d.Outcome {
	case Allow:
		return http.StatusOK
	case StepUp:
		return http.StatusUnauthorized
	case Deny, Indeterminate:
		return d.refusalStatus()
	}
	return http.StatusInternalServerError
}

func (d Decision) refusalStatus() int {
	for _, r := range d.Reasons {
		row, ours := Lookup(r.Code)
		if !ours {
			continue
		}
		// The codes of a step-up, on a deny, mean that no login would do.
		if row.Bearer == insufficientUser {
			return http.StatusForbidden
		}
		return row.Status
	}
	if d.Outcome == Indeterminate {
		return http.StatusInternalServerError
	}
	return http.StatusForbidden
}

// A Reason is one cause of a refusal: a code of ours with its fixed sentence, or a
// policy's own, whose code is "<package>/<code>".
type Reason struct {
	Code    Code
	Message string
}

// StepUpAdvice speaks of assurance: the weakest login that would do and how to ask
// the provider for it.
type StepUpAdvice struct {
	Level string
	// MaxAge is the largest age of login in seconds that the policy would accept;
	// nil if any age would do.
	MaxAge *int64
	// ACRValues holds only values that were evaluated to allow, weakest first.
	ACRValues []string
	// AuthorizationRequest holds the parameters to send to the provider.
	AuthorizationRequest map[string]string
	// Alternatives are other logins that would do, without alternatives of their own.
	Alternatives []StepUpAdvice
}

// A Challenge speaks to the client: one challenge of a WWW-Authenticate field
// (RFC 9110, section 11.6.1). Only the members that are set are written.
type Challenge struct {
	Scheme      string // "Bearer" (RFC 6750) or "DPoP" (RFC 9449)
	Error       string
	Description string
	ACRValues   []string // RFC 9470, section 3
	MaxAge      *int64   // RFC 9470, section 3
	Scope       []string
	Claims      *ClaimsChallenge // nil but for Microsoft Entra
}

// A ClaimsChallenge is what Microsoft Entra's claims challenge has beyond RFC 6750
// ("Claims challenges, claims requests and client capabilities", Microsoft identity
// platform). It is written with an empty realm, as the common endpoint demands.
type ClaimsChallenge struct {
	AuthorizationURI string // where to sign in
	Request          string // base64, padded, of a claims parameter (OpenID Connect Core, section 5.5)
}
