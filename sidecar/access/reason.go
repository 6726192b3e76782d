package access

import "net/http"

// A Code names why something was refused. Ours are a closed list ([Codes]); a
// policy's own are "<package>/<code>".
type Code string

// Our reason codes. The table below says what each means and becomes.
const (
	NoCredentials             Code = "no_credentials"
	RequestMalformed          Code = "request_malformed"
	TokenMalformed            Code = "token_malformed"
	TokenEncryptedUnsupported Code = "token_encrypted_unsupported"
	AlgNotAllowed             Code = "alg_not_allowed"
	HeaderRejected            Code = "header_rejected"
	TypMismatch               Code = "typ_mismatch"
	TokenKindMismatch         Code = "token_kind_mismatch"
	IssuerUnknown             Code = "issuer_unknown"
	KeyNotFound               Code = "key_not_found"
	KeysUnavailable           Code = "keys_unavailable"
	SignatureInvalid          Code = "signature_invalid"
	TokenExpired              Code = "token_expired"
	TokenNotYetValid          Code = "token_not_yet_valid"
	TokenClaimInvalid         Code = "token_claim_invalid"
	AudienceMismatch          Code = "audience_mismatch"
	BindingFailed             Code = "binding_failed"
	SubjectMismatch           Code = "subject_mismatch"
	LevelTooLow               Code = "level_too_low"
	LoginTooOld               Code = "login_too_old"
	LoginTimeUnknown          Code = "login_time_unknown"
	ScopeInsufficient         Code = "scope_insufficient"
	StepUpUnmet               Code = "step_up_unmet"
	NoUser                    Code = "no_user"
	WindowTooShort            Code = "window_too_short"
	NotAllowed                Code = "not_allowed"
	PolicyContract            Code = "policy_contract"
	PolicyError               Code = "policy_error"
	PolicyTimeout             Code = "policy_timeout"
	NotReady                  Code = "not_ready"
	Overloaded                Code = "overloaded"
	CallerUnauthenticated     Code = "pep_unauthenticated"
	CallerForbidden           Code = "pep_forbidden"
)

// The error values of RFC 6750, section 3.1, and RFC 9470, section 3.
const (
	invalidRequest     = "invalid_request"
	invalidToken       = "invalid_token"
	insufficientUser   = "insufficient_user_authentication"
	tokenNotAccepted   = "The token was not accepted."
	strongerSignIn     = "A stronger sign-in is required."
	tryAgainInAMoment  = "No decision could be made just now; try again in a moment."
	thePolicyIsFaulty  = "No decision could be made: the policy is at fault."
	thisIsNotAllowed   = "This is not allowed."
	theRequestIsFaulty = "The request is malformed."
)

// A Row of the table of codes: what a code means and becomes.
type Row struct {
	Code    Code
	Meaning string // for documentation
	Message string // the one fixed sentence told to callers; names no rule, role or claim
	Status  int    // what a gateway sends, and what http.status says natively
	Bearer  string // the error value of a Bearer challenge (RFC 6750, section 3.1); empty: none
	Fault   bool   // not a decision: told as an HTTP error with a problem document
}

// table is the closed list, in the order in which a request meets its checks.
var table = []Row{
	{RequestMalformed, "the body or a header of the request is not acceptable", theRequestIsFaulty, http.StatusBadRequest, invalidRequest, true},
	{NoCredentials, "no token was presented", "No credentials were presented.", http.StatusUnauthorized, "", false},
	{TokenMalformed, "not a token that can be parsed", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TokenEncryptedUnsupported, "an encrypted token (JWE)", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{AlgNotAllowed, "signed with an algorithm that the issuer's configuration does not list", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{HeaderRejected, "its header has crit, b64, zip, enc or cty", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TypMismatch, "its header's typ is not that of an access token or ID token", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TokenKindMismatch, "another kind of token than its audience or typ says", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{IssuerUnknown, "its issuer is not configured", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{KeyNotFound, "its issuer publishes no key that could have signed it", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{KeysUnavailable, "its issuer's keys cannot be had, and none are left from before", tryAgainInAMoment, http.StatusServiceUnavailable, "", true},
	{SignatureInvalid, "its signature does not verify", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TokenExpired, "past its exp", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TokenNotYetValid, "before its nbf or iat", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{TokenClaimInvalid, "a claim is missing, of the wrong type or out of range", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{AudienceMismatch, "meant for somebody else", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{BindingFailed, "bound to a key (cnf) whose proof was not checked", tokenNotAccepted, http.StatusUnauthorized, invalidToken, false},
	{SubjectMismatch, "the caller names another subject than the token's", "The subject is not that of the token.", http.StatusBadRequest, "", true},
	{LevelTooLow, "a stronger login would be allowed", strongerSignIn, http.StatusUnauthorized, insufficientUser, false},
	{LoginTooOld, "the same login, but younger, would be allowed", "A more recent sign-in is required.", http.StatusUnauthorized, insufficientUser, false},
	{LoginTimeUnknown, "the token does not tell when the person signed in", "It is not known when you signed in.", http.StatusUnauthorized, insufficientUser, false},
	{ScopeInsufficient, "a login that adds a scope would be allowed", strongerSignIn, http.StatusUnauthorized, insufficientUser, false},
	{StepUpUnmet, "newer logins were made, and did not help", "Signing in again did not help.", http.StatusForbidden, "", false},
	{NoUser, "refused, and a machine cannot sign in", thisIsNotAllowed, http.StatusForbidden, "", false},
	{WindowTooShort, "a login would do, but for less than 30 seconds", thisIsNotAllowed, http.StatusForbidden, "", false},
	{NotAllowed, "the policy refuses", thisIsNotAllowed, http.StatusForbidden, "", false},
	{PolicyContract, "a result of the policy is not of the agreed shape", thePolicyIsFaulty, http.StatusInternalServerError, "", true},
	{PolicyError, "the policy could not be evaluated", thePolicyIsFaulty, http.StatusInternalServerError, "", true},
	{PolicyTimeout, "the policy took longer than policy.deadline", tryAgainInAMoment, http.StatusServiceUnavailable, "", true},
	{NotReady, "no policy is active", tryAgainInAMoment, http.StatusServiceUnavailable, "", true},
	{CallerUnauthenticated, "whoever asked the sidecar is none of the configured callers", "The caller is not known here.", http.StatusUnauthorized, "", true},
	{CallerForbidden, "the caller may not ask at this door", "The caller may not ask here.", http.StatusForbidden, "", true},
	{Overloaded, "more questions at once than limits.concurrency", tryAgainInAMoment, http.StatusServiceUnavailable, "", true},
}

// Codes returns a copy of the table of codes.
func Codes() []Row { return append([]Row(nil), table...) }

// Lookup returns the row of one of our codes.
func Lookup(c Code) (Row, bool) {
	for _, row := range table {
		if row.Code == c {
			return row, true
		}
	}
	return Row{}, false
}

// Because returns the Reason with the fixed sentence of one of our codes.
func Because(c Code) Reason {
	row, _ := Lookup(c)
	return Reason{Code: c, Message: row.Message}
}
