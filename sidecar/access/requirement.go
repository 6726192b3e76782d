package access

// A RequirementQuestion asks, before there is any token, which logins could reach a
// resource. What it tells is known of every request that it stands for; what it does not
// tell may be anything.
type RequirementQuestion struct {
	// Door names the protocol that carried the question, for the record only.
	Door string
	// Issuer narrows the answer to one issuer; empty: every one that is configured.
	Issuer string

	// Properties that are nil are not told, which differs from told to be empty.
	Action   Action
	Resource Resource
	Context  Object // nil: not told
	// HTTP is the request of a gateway; nil: not told. Of its members those that are empty
	// are not told either, and of its headers nothing is unless some arrived.
	HTTP *HTTPRequest
}

// Requirements is the answer to a [RequirementQuestion]. It is never stricter than what
// any person would later be asked for, and it names nothing but logins and ages.
type Requirements struct {
	Revision string // of the policies
	// Issuers are in the order of the configuration; none: the issuer that was asked for
	// is not configured.
	Issuers []Requirement
}

// A Requirement is what one issuer's logins could do.
type Requirement struct {
	Issuer string
	// Logins are those that somebody could reach the resource by, weakest first, without
	// alternatives; none: nobody can by this issuer.
	Logins []StepUpAdvice
}
