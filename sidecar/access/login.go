package access

// A LoginAnswer is what the login rule says to a provider about one login: exactly one of
// its members is set. The zero value says nothing, and so permits nothing.
type LoginAnswer struct {
	// Factors are still to be proved, all of them and in this order; a remembered device
	// stands for none of them.
	Factors []string
	// Claims are what the tokens of this login are to say.
	Claims *LoginClaims
	// Error is what to answer to the client instead, an error of OpenID Connect.
	Error string
}

// LoginClaims are the claims that tell of a login.
type LoginClaims struct {
	Level    string // authentication_level
	ACR      string
	Methods  []string // amr (RFC 8176); never nil
	AuthTime int64
}

// The errors of a LoginAnswer.
const (
	// LoginRequired and InteractionRequired are of OpenID Connect Core, section 3.1.2.6.
	LoginRequired       = "login_required"
	InteractionRequired = "interaction_required"
	// UnmetAuthentication is of OpenID Connect Core Unmet Authentication Requirements 1.0.
	UnmetAuthentication = "unmet_authentication_requirements"
)
