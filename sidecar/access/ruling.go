package access

// A Ruling is what a policy says about one document, before an outcome is made of it.
// The zero value refuses.
type Ruling struct {
	Allow       bool
	Reasons     []Reason
	Obligations []Object
	Headers     map[string]string // lower-case names
	Labels      []Object          // of the rules that took part, where that was asked for
}

// A FurtherDocument is something else that a policy says about a document than a ruling: one of
// those that policy.documents lists. It is no decision, and nothing follows from it.
type FurtherDocument struct {
	Name     string // with dots
	Value    any    // as JSON; nil if it is not Defined, or null
	Defined  bool
	Labels   []Object // of the rules that took part; none of what is not Defined
	ID       string   // of its record
	Revision string   // of the policy that told it; empty: none did
}

// A Fault is an error that keeps a decision from being made. Its code is told to
// callers; Err is for the log only.
type Fault struct {
	Code Code
	Err  error
}

// Error returns the code and the detail.
func (f *Fault) Error() string {
	if f.Err == nil {
		return string(f.Code)
	}
	return string(f.Code) + ": " + f.Err.Error()
}

// Unwrap returns the detail.
func (f *Fault) Unwrap() error { return f.Err }
