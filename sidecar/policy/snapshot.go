package policy

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
)

// A Snapshot is one policy with its data, the library and the vocabularies: everything
// that a decision depends on besides its document. It never changes and is safe for
// concurrent use; take one from [Policies.Current] and keep it for a whole decision.
type Snapshot struct {
	revision string
	loadedAt time.Time
	pkg      ast.Ref
	modules  map[string]*ast.Module // as parsed: for the text of conditions and titles
	policy   *program
	contract contract
	library  *library
	timeless bool
	steady   bool // nothing but the document decides
	// thresholds are the ages at which any output can change as time goes by, for any
	// document; ages those at which it can change with the time of the login. Nil: that is
	// not so simple.
	thresholds, ages []int64
	turns            []int64                    // where the ages begin and end, in order
	parts            []input.Part               // of the document, that some output could look at
	otherThresholds  []int64                    // as thresholds, for the outputs besides allow
	residual         *rego.PreparedPartialQuery // allow, for partial evaluation; nil: it cannot be
	documents        []ast.Ref                  // the policy's own data
	further          map[string]*program        // what [Snapshot.Value] tells, by name
	ignored          []string                   // files that look like data and were not loaded
}

// Revision names the policy, as told in answers.
func (s *Snapshot) Revision() string { return s.revision }

// Catalog holds the levels and vocabularies of this snapshot.
func (s *Snapshot) Catalog() *assurance.Catalog { return s.library.catalog }

// Order returns the order of levels.
func (s *Snapshot) Order() assurance.Order { return s.library.catalog.Order() }

// Vocabulary returns the vocabulary as a configured issuer uses it; nil for any other.
func (s *Snapshot) Vocabulary(issuer string) *assurance.Vocabulary {
	return s.library.issuers[issuer]
}

// AssureLogin returns what [Snapshot.Assure] reads after a login of a configured issuer's
// vocabulary, in which login and member are indices, made at a moment. It costs nothing:
// the claims of a login are the same for everybody, and were read when the policy was
// loaded.
func (s *Snapshot) AssureLogin(issuer string, login, member int, moment int64) access.Assurance {
	a := s.library.logins[issuer][login][member]
	if len(s.library.issuers[issuer].AuthTime) > 0 {
		a.AuthTime, a.Told = moment, true
	}
	return a
}

// Timeless reports that no output of the policy can change with the clock alone: none
// reads now or the age of the login, and none calls a built-in that answers differently
// from call to call. False when in doubt.
func (s *Snapshot) Timeless() bool { return s.timeless }

// Reading is what the library read in a token: its assurance, and the claims that are of
// the wrong type, for which the token is refused.
type Reading = assurance.Reading

// Assure reads what the document's token tells of the login. A document without a token
// is nobody's. Errors are [ErrEvaluation] and [ErrTimeout].
func (s *Snapshot) Assure(ctx context.Context, doc input.Document) (Reading, error) {
	if doc.Token == nil {
		return Reading{Assurance: access.NoAssurance()}, nil
	}
	r, err := s.library.assure(ctx, doc)
	return r, told(err)
}

// markedMachine reports that the token itself says to be a machine's. Told stands for
// any sign of a login, so that only the mark can make a client of the subject.
func markedMachine(doc input.Document) bool {
	return input.SubjectOf(doc.Token, access.Assurance{Told: true}).Type == access.SubjectClient
}

// Evaluate asks the policy about one document. Equal documents get equal results. Errors
// are [ErrContract], [ErrEvaluation] and [ErrTimeout]; with one of them the result is the
// zero value, which refuses.
func (s *Snapshot) Evaluate(ctx context.Context, doc input.Document) (Result, error) {
	r, err := s.evaluate(ctx, doc)
	return r, told(err)
}

func (s *Snapshot) evaluate(ctx context.Context, doc input.Document) (Result, error) {
	values, err := s.ask(ctx, doc)
	if err != nil {
		return Result{}, err
	}
	return s.contract.result(values)
}

// ask evaluates the outputs for a document; one that is undefined is nil.
func (s *Snapshot) ask(ctx context.Context, doc input.Document, more ...rego.EvalOption) ([]ast.Value, error) {
	in, err := ast.InterfaceToValue(doc.Object())
	if err != nil {
		return nil, unreadable("the document", err)
	}
	return s.policy.run(ctx, in, doc.Now, more...)
}
