package pdp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
	"stepup/sidecar/loopguard"
	"stepup/sidecar/packed"
	"stepup/sidecar/token"
)

// A Verifier proves a token, or says with a *token.Error why it does not hold.
type Verifier interface {
	Verify(ctx context.Context, now time.Time, c access.Credential) (*token.Claims, error)
}

// A Prover is a [Verifier] that tells besides for how long a proof stands, and writes proofs down to
// read them again. Only such proofs are kept.
type Prover interface {
	Prove(ctx context.Context, now time.Time, c access.Credential) (*token.Claims, token.Standing, error)
	Pack(w *packed.Writer, c *token.Claims, s token.Standing) bool
	Unpack(r *packed.Reader) (*token.Claims, token.Standing)
}

// A Policy is one revision of the policies, with the library that reads assurance. It
// never changes: a decision asks one Policy from beginning to end.
type Policy interface {
	Revision() string
	// Assure reads what the document's token says about the login.
	Assure(ctx context.Context, doc input.Document) (assurance.Reading, error)
	// Evaluate asks the policy about the document. Its errors are *access.Fault.
	Evaluate(ctx context.Context, doc input.Document) (access.Ruling, error)
	// EvaluateLabelled is as Evaluate, and tells the labels of rules besides; LabelsLast
	// reports that these last as long as the ruling.
	EvaluateLabelled(ctx context.Context, doc input.Document) (access.Ruling, error)
	LabelsLast() bool
	// LastsUntil returns the first moment at which time alone could change a ruling, and
	// RefusalLastsUntil that at which it could make one of the imagined logins do; false
	// if that is not known.
	LastsUntil(ctx context.Context, doc input.Document) (int64, bool)
	RefusalLastsUntil(ctx context.Context, v *assurance.Vocabulary, now int64, imagined []input.Document) (int64, bool)
	// DerivedLastsUntil is as LastsUntil, for all that was derived from imagined logins.
	DerivedLastsUntil(doc input.Document) (int64, bool)
	// Steady reports that equal documents get equal answers. See shows all of a document that
	// decides; what looks alike is alike, at every moment if AgesOnly, else at the same.
	Steady() bool
	AgesOnly() bool
	See(doc input.Document, to keep.Sight)
	// Order and Vocabulary tell the levels, and the logins that an issuer offers; nil for
	// an issuer that is not configured.
	Order() assurance.Order
	Vocabulary(issuer string) *assurance.Vocabulary
	// AssureLogin is what Assure reads after a login that such an issuer offers, by its place
	// and that of its member in the vocabulary, made at a moment.
	AssureLogin(issuer string, login, member int, moment int64) access.Assurance
	// AgeBreakpoints returns ages at which a ruling about the document may change, and
	// whether they are all.
	AgeBreakpoints(ctx context.Context, doc input.Document, timeClaims []string) ([]int64, bool, error)
	Foreseer
}

// A Recorder keeps what was decided. It must not block, and it gets every decision.
type Recorder interface {
	Record(ctx context.Context, r Record)
}

// A Record is one decision with what the log needs to tell about it.
type Record struct {
	Request  access.Request
	Caller   string        // who asked, if callers are told apart; never seen by a policy
	Claims   *token.Claims // nil unless the token was verified
	Subject  access.Subject
	Document *input.Document // nil unless the policy was asked
	Decision access.Decision
	Labels   []access.Object // of the rules that took part, if [Config].Labels asks for them
	Searched *Searched       // nil unless other logins were asked about
	Fault    error           // detail of a refused token or a fault; never for callers
	Took     time.Duration
}

// Config says what a Decider works with. All fields but those with a stated default
// are required.
type Config struct {
	Verifier Verifier
	// Policy returns the active policy, or nil while there is none.
	Policy   func() Policy
	Recorder Recorder
	// Now tells the time; nil means the system's clock.
	Now func() time.Time
	// Deadline bounds the work of one decision after the token is verified.
	Deadline time.Duration
	// ClockSkew is how far in the future a login time may lie.
	ClockSkew time.Duration
	// Keep is the longest that an answer is said to stay valid, and is kept; 0: it never is.
	Keep time.Duration
	// Memory keeps proofs and answers; nil: everything is found out anew.
	Memory *Memory
	// Anonymous asks the policy also when no token was presented.
	Anonymous bool
	// Labels says that the record is to have the labels of the rules that took part.
	Labels bool
	// Guard notices step-ups that do not help; nil: nobody does.
	Guard *loopguard.Guard
	// Headers are the names a policy may set for the upstream.
	Headers access.HeaderNames
	// Issuers are those that [Decider.Require] tells of, in this order.
	Issuers []string
	// Patience is how long Require looks through the policy's data for one login at one
	// age, before it goes by the rules alone; 0: [DefaultPatience].
	Patience time.Duration
	// Required is told of every answer of Require, and must not block; nil: nobody is.
	Required func(ctx context.Context, q access.RequirementQuestion, took time.Duration, fault error)
	// Valued is told of every answer of Value, and must not block; nil: nobody is.
	Valued func(ctx context.Context, v Valued)
}

// A Decider answers questions. It is safe for concurrent use.
type Decider struct {
	Config
	derivations derivations
	forecasts   derivations // apart, so that questions without a token hold up none with one
}

// New returns a Decider.
func New(c Config) *Decider {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Decider{Config: c, derivations: newDerivations(), forecasts: newDerivations()}
}

// Decide answers one question and records the answer.
func (d *Decider) Decide(ctx context.Context, req access.Request) access.Decision {
	q := question{Decider: d, req: req, now: d.Now().Truncate(time.Second)}
	q.decide(ctx)
	return q.decision
}

func (q *question) decide(ctx context.Context) {
	began := time.Now()
	q.answer(ctx)
	q.decision.ID = newID()
	q.Recorder.Record(ctx, Record{
		Request: q.req, Caller: access.CallerOf(ctx), Claims: q.claims, Subject: q.doc.Subject,
		Document: q.asked, Decision: q.decision, Labels: q.ruling.Labels, Searched: q.searched.tell(), Fault: q.fault,
		Took: time.Since(began),
	})
}

// newID returns a UUIDv7 (RFC 9562, section 5.7), which sorts by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// A question on its way: what is known of it so far.
type question struct {
	*Decider
	req access.Request
	now time.Time // one reading of the clock for all steps, in whole seconds

	policy    Policy
	world     *world      // what is kept under the policy; nil: nothing
	tokens    keep.Digest // of the tokens
	key       keep.Digest // of what the policy can see of the question
	hasKey    bool        // or nothing is kept of it
	proof     *proof      // nil unless the token was verified
	claims    *token.Claims
	doc       input.Document
	asked     *input.Document
	ruling    access.Ruling
	why       access.Code          // of a refusal by the policy
	unchanged access.Code          // what newer logins did not mend; empty: there were none
	advice    *access.StepUpAdvice // nil: no login would do, or none is needed
	searched  *oracle              // what was imagined on the way; nil: nothing, or it is kept
	sought    bool                 // logins that would do were looked for
	faulty    bool                 // some login did not count because asking about it failed
	until     int64                // first moment at which time alone could change the ruling; 0: not known
	decision  access.Decision
	fault     error
}

// answer takes the steps in order and stops at the first that refuses.
func (q *question) answer(ctx context.Context) {
	defer q.survive()
	q.decision.Assurance = access.NoAssurance()
	// Fetching an issuer's keys has time limits of its own; all that follows shares the
	// deadline.
	known := [...]step{
		q.acquire, // 1. one revision for the whole decision
		q.listed,  //    of what is to be asked about at all
		q.verify,  // 2. whose token is it, and does it hold
	}
	if err := take(ctx, known[:]); err != nil {
		q.refuse(err)
		return
	}
	if err := q.rule(ctx); err != nil {
		q.refuse(err)
		return
	}
	if err := q.conclude(); err != nil { // 7. make an outcome of it
		q.refuse(err)
	}
}

// rule finds out what the policy says: it is remembered, or asked within the deadline.
func (q *question) rule(ctx context.Context) error {
	reading, kept := q.keptReading()
	read := kept || q.claims == nil
	if read {
		if err := q.assured(reading); err != nil || q.recall(ctx) {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, q.Deadline)
	defer cancel()
	if !read {
		if err := q.assure(ctx); err != nil || q.recall(ctx) { // 3. how strongly and when did they sign in
			return err
		}
	}
	return take(ctx, []step{
		q.evaluate, // 4. does the policy allow it
		q.derive,   // 5. if not: which login would do
		q.last,     // 6. how long will that be so
	})
}

type step func(context.Context) error

func take(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := s(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (q *question) acquire(context.Context) error {
	q.policy = q.Policy()
	if q.policy == nil {
		return &access.Fault{Code: access.NotReady}
	}
	q.decision.Revision = q.policy.Revision()
	q.world = q.Memory.under(q.policy)
	return nil
}

func (q *question) listed(context.Context) error {
	if q.req.Unlisted {
		return refusal(access.NotAllowed)
	}
	return nil
}

func (q *question) verify(ctx context.Context) error {
	if !q.req.Credential.Presented() {
		if q.Anonymous {
			return nil
		}
		return refusal(access.NoCredentials)
	}
	if q.Memory != nil {
		q.tokens = q.tokensOf()
	}
	p, err := q.verified(q.tokens, func() (*proof, error) { return q.prove(ctx) })
	if err == nil {
		err = q.compareSubject(p.claims)
	}
	if err != nil {
		return err
	}
	q.proof, q.claims = p, p.claims
	return nil
}

// compareSubject refuses a question that is about somebody else than its token.
func (q *question) compareSubject(claims *token.Claims) error {
	if asserted := q.req.Asserted.ID; asserted != "" && asserted != claims.Subject {
		return &access.Fault{Code: access.SubjectMismatch, Err: errors.New("the question names a subject that is not the token's")}
	}
	return nil
}

// prove verifies the token, and the evidence beside it if there is some.
func (q *question) prove(ctx context.Context) (*proof, error) {
	claims, standing, err := q.proveOne(ctx, q.req.Credential)
	if err != nil {
		return nil, err
	}
	p := &proof{claims: claims, standing: standing}
	if !q.req.Evidence.Presented() {
		return p, nil
	}
	return q.attach(ctx, p)
}

func (q *question) proveOne(ctx context.Context, c access.Credential) (*token.Claims, token.Standing, error) {
	if p, can := q.Verifier.(Prover); can {
		return p.Prove(ctx, q.now, c)
	}
	claims, err := q.Verifier.Verify(ctx, q.now, c)
	return claims, token.Standing{}, err
}

func (q *question) assure(ctx context.Context) error {
	q.doc = q.unassured()
	reading, err := q.read(ctx)
	if err != nil {
		return err
	}
	q.keepReading(reading)
	return q.assured(reading)
}

// assured completes the document with what was read in the tokens; without a token there
// is nothing to read.
func (q *question) assured(r assurance.Reading) error {
	if q.claims == nil {
		q.doc = q.unassured()
		return nil
	}
	if err := q.believable(r); err != nil {
		q.doc = q.unassured()
		q.claims = nil
		return err
	}
	q.doc = input.About(input.SubjectOf(q.claims, r.Assurance), q.req, q.claims, r.Assurance, q.now.Unix())
	if q.doc.Subject.Type == access.SubjectClient {
		// Machines do not sign in: what absence means at their issuer is not about them.
		q.doc.Assurance = access.NoAssurance()
	}
	q.decision.Assurance = q.doc.Assurance
	return nil
}

// unassured is the document as long as nothing was read in the tokens.
func (q *question) unassured() input.Document {
	return input.New(q.req, q.claims, access.NoAssurance(), q.now.Unix())
}

// believable refuses a token whose signature held but whose claims do not.
func (q *question) believable(r assurance.Reading) error {
	if len(r.Invalid) > 0 {
		return distrust("claims of the wrong type: %q", r.Invalid)
	}
	return q.plausible(r.Assurance.AuthTime)
}

// plausible refuses a login that has not happened yet, or that happened after the token
// was issued; both beyond the clock skew.
func (q *question) plausible(authTime int64) error {
	skew := int64(q.ClockSkew / time.Second)
	if authTime > q.now.Unix()+skew {
		return distrust("login time %d is in the future", authTime)
	}
	if iat := q.issuedAt(); iat > 0 && authTime > iat+skew {
		return distrust("login time %d is later than iat %d", authTime, iat)
	}
	return nil
}

func distrust(format string, args ...any) error {
	return &token.Error{Code: access.TokenClaimInvalid, Detail: fmt.Sprintf(format, args...)}
}

func (q *question) evaluate(ctx context.Context) error {
	q.asked = &q.doc
	ask := q.policy.Evaluate
	if q.Labels {
		ask = q.policy.EvaluateLabelled
	}
	ruling, err := ask(ctx, q.doc)
	q.ruling = ruling
	return err
}

// last finds out how long the ruling will be the same, and keeps it so long.
func (q *question) last(ctx context.Context) error {
	if q.Keep >= time.Second && q.advice == nil && (q.claims != nil || q.world != nil) {
		q.until = q.unchangedUntil(ctx)
	}
	q.remember()
	return nil
}

// unchangedUntil returns the first moment at which time alone could change the ruling, or
// what follows from it; 0 if that is not known.
func (q *question) unchangedUntil(ctx context.Context) int64 {
	until, known := q.policy.LastsUntil(ctx, q.doc)
	if !known || !q.nobodyCould(ctx, &until) {
		return 0
	}
	return until
}

// conclude makes an outcome of the policy's ruling and of the logins that would do.
func (q *question) conclude() error {
	q.decision.Obligations = q.ruling.Obligations
	if q.advice != nil && !q.inVain() {
		q.stepUp()
		return nil
	}
	q.decision.ValidUntil = q.validUntil()
	if !q.ruling.Allow {
		q.deny()
		return nil
	}
	headers, err := upstreamHeaders(q.Headers, q.ruling.Headers, q.req.HTTP)
	if err != nil {
		return err
	}
	q.decision.Outcome = access.Allow
	q.decision.Headers = headers
	q.met()
	return nil
}

func (q *question) deny() {
	q.decision.Outcome = access.Deny
	q.decision.Reasons = append(q.decision.Reasons, access.Because(q.why))
	if q.unchanged != "" {
		q.decision.Reasons = append(q.decision.Reasons, access.Because(q.unchanged))
	}
	q.decision.Reasons = append(q.decision.Reasons, q.ruling.Reasons...)
	q.decision.Challenges = access.RefusalChallenges(q.why)
}

// stepUp answers with the login that would do. It is told without valid_until: the age it
// allows is counted from a login that has not happened yet.
func (q *question) stepUp() {
	q.decision.Outcome = access.StepUp
	q.decision.Reasons = []access.Reason{access.Because(q.why)}
	q.decision.StepUp = q.advice
	q.decision.Challenges = q.policy.Vocabulary(q.claims.Issuer).Challenges(*q.advice, q.claims.All.Object)
}

// validUntil returns the NumericDate until which a fresh answer would be the same as far
// as time alone goes; 0 if that is not known. It is never later than the token's exp, or
// than answers.keep from now.
func (q *question) validUntil() int64 {
	if q.claims == nil || q.until == 0 || q.why == access.StepUpUnmet {
		return 0
	}
	return min(q.until, q.expiresAt(), q.now.Add(q.Keep).Unix())
}

// nobodyCould brings a moment forward to the first at which one of the logins that do not
// help now might help. False if that is not known.
func (q *question) nobodyCould(ctx context.Context, until *int64) bool {
	if q.ruling.Allow || !q.sought {
		return true
	}
	if q.why == access.WindowTooShort || q.faulty {
		return false
	}
	refusal, known := q.policy.RefusalLastsUntil(ctx, q.policy.Vocabulary(q.claims.Issuer), q.now.Unix(), q.searched.documents())
	*until = min(*until, refusal)
	return known
}

// refusal is a plain deny on the way, which is no fault.
type refusal access.Code

func (r refusal) Error() string { return string(r) }

// refuse ends the question with an error of a step: a deny for a token that does not
// hold, and Indeterminate for everything that kept us from deciding.
func (q *question) refuse(err error) {
	code, isFault := classify(err)
	if _, plain := err.(refusal); !plain {
		q.fault = err
	}
	q.decision.Outcome = access.Deny
	if isFault {
		q.decision.Outcome = access.Indeterminate
	}
	q.decision.Assurance = access.NoAssurance()
	q.decision.Reasons = []access.Reason{access.Because(code)}
	q.decision.Challenges = access.RefusalChallenges(code)
	q.decision.Obligations, q.decision.ValidUntil, q.decision.StepUp = nil, 0, nil
}

// classify finds the code of an error. What it does not know is the policy's fault,
// which refuses.
func classify(err error) (code access.Code, isFault bool) {
	var (
		plain    refusal
		rejected *token.Error
		fault    *access.Fault
	)
	code = access.PolicyError
	switch {
	case errors.As(err, &plain):
		code = access.Code(plain)
	case errors.As(err, &rejected):
		code = rejected.Code
	case errors.As(err, &fault):
		code = fault.Code
	}
	row, known := access.Lookup(code)
	return code, !known || row.Fault
}

// survive turns a panic of a step into a fault: the process and the other questions go on.
func (q *question) survive() {
	if p := recover(); p != nil {
		q.claims = nil
		q.refuse(&access.Fault{Code: access.PolicyError, Err: panicked(p)})
	}
}

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }
