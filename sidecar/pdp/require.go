package pdp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/derive"
	"stepup/sidecar/input"
)

// A Foreseer tells what a policy could allow, when some of a document is not known.
type Foreseer interface {
	// Possible reports whether the policy could allow it; false is certain. Its errors are
	// *access.Fault, and say nothing against it.
	Possible(ctx context.Context, doc input.Document, u input.Unknown) (bool, error)
	// PossibleBreakpoints returns ages of the login at which Possible may change, and
	// whether they are all.
	PossibleBreakpoints(ctx context.Context, doc input.Document, u input.Unknown) ([]int64, bool, error)
}

// Require answers which logins could reach a resource, before there is a token. The
// answer is never stricter than what any person would later be asked for: what cannot be
// found out in time makes it weaker. Its errors are *access.Fault: no policy is active, or
// there was no time at all.
func (d *Decider) Require(ctx context.Context, q access.RequirementQuestion) (access.Requirements, error) {
	began := time.Now()
	answer, err := d.require(ctx, q)
	if d.Required != nil {
		d.Required(ctx, q, time.Since(began), err)
	}
	return answer, err
}

func (d *Decider) require(ctx context.Context, q access.RequirementQuestion) (answer access.Requirements, err error) {
	defer func() {
		if p := recover(); p != nil {
			answer, err = access.Requirements{}, &access.Fault{Code: access.PolicyError, Err: panicked(p)}
		}
	}()
	policy := d.Policy()
	if policy == nil {
		return answer, &access.Fault{Code: access.NotReady}
	}
	return d.Memory.foresee(policy, q, d.Now().Unix(), d.Keep, func(now int64) (access.Requirements, bool, error) {
		return d.forecast(ctx, policy, q, now)
	})
}

// forecast finds out which logins could reach a resource, and reports whether that is all
// that could be found out: some of it may have taken too long.
func (d *Decider) forecast(ctx context.Context, policy Policy, q access.RequirementQuestion, now int64) (access.Requirements, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.forecasts.enter(ctx); err != nil {
		return access.Requirements{}, false, err
	}
	defer d.forecasts.leave()
	f := newForecast(policy, q, d.Patience)
	answer, err := f.requirements(ctx, d.Issuers, now)
	return answer, !f.hurried, err
}

// A forecast is one question on its way.
type forecast struct {
	policy   Policy
	question access.RequirementQuestion
	looks    []look
	hurried  bool // something could not be told in time, or at all
}

// A look is one way to see what is possible, and how long it may take.
type look struct {
	unknown  input.Unknown
	patience time.Duration
}

// DefaultPatience is how long the first look at one login may take.
const DefaultPatience = 5 * time.Millisecond

// newForecast looks through the policy's data first, which finds out that nobody has a
// role. With much data that takes long; then it goes by the rules alone.
func newForecast(p Policy, q access.RequirementQuestion, patience time.Duration) *forecast {
	if patience <= 0 {
		patience = DefaultPatience
	}
	untold := input.Untold(q)
	rulesOnly := untold
	rulesOnly.Data = true
	return &forecast{policy: p, question: q, looks: []look{{untold, patience}, {rulesOnly, 4 * patience}}}
}

func (f *forecast) requirements(ctx context.Context, issuers []string, now int64) (access.Requirements, error) {
	answer := access.Requirements{Revision: f.policy.Revision()}
	for _, issuer := range issuers {
		if f.question.Issuer != "" && f.question.Issuer != issuer {
			continue
		}
		logins, err := f.logins(ctx, issuer, now)
		if err != nil {
			return access.Requirements{}, err
		}
		answer.Issuers = append(answer.Issuers, access.Requirement{Issuer: issuer, Logins: logins})
	}
	return answer, nil
}

// logins finds the logins by which somebody of an issuer could be allowed.
func (f *forecast) logins(ctx context.Context, issuer string, now int64) ([]access.StepUpAdvice, error) {
	vocabulary := f.policy.Vocabulary(issuer)
	if vocabulary == nil {
		return nil, &access.Fault{Code: access.PolicyError, Err: fmt.Errorf("issuer %q has no vocabulary", issuer)}
	}
	anybody := input.Anybody(f.question, issuer, vocabulary, now)
	ways, err := derive.Requirements(ctx, vocabulary.Logins, prospect{f, newImagination(f.policy, vocabulary, anybody)})
	if err != nil {
		return nil, &access.Fault{Code: access.PolicyTimeout, Err: err}
	}
	var logins []access.StepUpAdvice
	for _, way := range ways {
		logins = append(logins, way.Advice())
	}
	return logins, nil
}

// ask puts a question to the looks, best first. One that took too long is not tried
// again. It reports false if none could tell; its error is that of the context.
func (f *forecast) ask(ctx context.Context, question func(context.Context, input.Unknown) error) (bool, error) {
	for n := 0; n < len(f.looks); {
		err := f.looks[n].ask(ctx, question)
		switch {
		case err == nil:
			return true, nil
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case isTimeout(err):
			f.hurried = true
			f.looks = slices.Delete(f.looks, n, n+1)
		default:
			n++
		}
	}
	f.hurried = true
	return false, nil
}

func (l look) ask(ctx context.Context, question func(context.Context, input.Unknown) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	return question(ctx, l.unknown)
}

func isTimeout(err error) bool {
	fault, ok := errors.AsType[*access.Fault](err)
	return ok && fault.Code == access.PolicyTimeout
}

// A prospect answers what could be allowed to somebody of one issuer.
type prospect struct {
	*forecast
	imagination
}

// Allows implements [derive.Oracle]: whether it could be allowed to anybody. What no look
// can tell is possible.
func (p prospect) Allows(ctx context.Context, c derive.Candidate, age int64) (bool, error) {
	doc := p.document(c).Aged(p.vocabulary, age)
	possible := true
	answered, err := p.ask(ctx, func(ctx context.Context, u input.Unknown) (err error) {
		possible, err = p.policy.Possible(ctx, doc, u)
		return err
	})
	return possible || !answered, err
}

// Breakpoints implements [derive.Oracle].
func (p prospect) Breakpoints(ctx context.Context, c derive.Candidate) (points derive.Breakpoints, err error) {
	if p.timeless() {
		return derive.Breakpoints{Known: true}, nil
	}
	doc := p.document(c)
	answered, err := p.ask(ctx, func(ctx context.Context, u input.Unknown) (err error) {
		points.Ages, points.Known, err = p.policy.PossibleBreakpoints(ctx, doc, u)
		return err
	})
	if !answered {
		points = derive.Breakpoints{}
	}
	return points, err
}
