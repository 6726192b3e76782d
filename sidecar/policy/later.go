package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/input"
)

// possibleLater reports whether what is not possible now could be at a later moment, for
// a login that is as old then as the document's is now.
//
// The clock and the login time are left open, and of what is left every use of them must
// be a comparison. One whose sides differ by the same at every moment, as now - auth_time
// does, is not of the clock: where it does not hold, it never will. The others change at
// their roots. Without a root to come nothing changes, and what is not possible now is not
// later either.
func (s *Snapshot) possibleLater(ctx context.Context, doc input.Document, u input.Unknown) (bool, error) {
	// By the vocabulary, not by the time itself: a login as old as the epoch has time 0 now,
	// and a later one as soon as the clock goes on.
	timed := s.tellsLoginTime(doc.Token.Issuer)
	if s.ages != nil && timed {
		return false, nil // of all that moves the policy reads the age, which is given
	}
	symbols := laterSymbols(doc, timed)
	left, err := s.leftOf(ctx, doc, append(s.unknown(u), termsOf(symbols)...))
	if err != nil {
		return true, err
	}
	left.Queries = possibleQueries(left.Queries, symbols)
	if len(left.Queries) == 0 {
		return false, nil
	}
	roots, understood := s.rootsLeft(left, symbols)
	return !understood || firstAfter(doc.Now, 0, roots) != Forever, nil
}

// tellsLoginTime reports whether the logins of an issuer have a login time.
func (s *Snapshot) tellsLoginTime(issuer string) bool {
	v := s.Vocabulary(issuer)
	return v != nil && len(v.AuthTime) > 0
}

// laterSymbols are the places of a document that move with the clock while the age of the
// login stays. A login time that is not told does not move; the age does.
func laterSymbols(doc input.Document, timed bool) []symbol {
	if !timed {
		return []symbol{{refNow, itself()}, {refAge, itself()}}
	}
	return []symbol{{refNow, itself()}, {refAuthTime, linear{integer(1), integer(doc.Assurance.AuthTime - doc.Now)}}}
}

// possibleQueries leaves out what no moment can make true.
func possibleQueries(queries []ast.Body, symbols []symbol) []ast.Body {
	var possible []ast.Body
	for _, query := range queries {
		m := &moments{symbols: symbols, known: func(ast.Ref) bool { return true }}
		if !m.never(query) {
			possible = append(possible, query)
		}
	}
	return possible
}

// never reports whether one of the conditions is a comparison that holds for no x. False
// when in doubt.
func (m *moments) never(body ast.Body) bool {
	vars := scope{}
	m.bind(body, vars)
	for _, expr := range body {
		if holds, known := m.always(expr, vars); known && !holds {
			return true
		}
	}
	return false
}

// always reads a comparison whose sides differ by a number, the same for every x.
func (m *moments) always(expr *ast.Expr, vars scope) (holds, known bool) {
	if expr.Negated || len(expr.With) > 0 || !expr.IsCall() || len(expr.Operands()) != 2 {
		return false, false
	}
	l, ok := m.linear(expr.Operand(0), vars)
	r, also := m.linear(expr.Operand(1), vars)
	if !ok || !also || !l.minus(r).constant() {
		return false, false
	}
	return signHolds(expr.Operator().String(), l.minus(r).offset.Sign())
}

// signHolds is the answer of an operator to sides whose difference has that sign.
func signHolds(operator string, sign int) (holds, known bool) {
	switch operator {
	case "lt":
		return sign < 0, true
	case "lte":
		return sign <= 0, true
	case "gt":
		return sign > 0, true
	case "gte":
		return sign >= 0, true
	case "equal", "eq":
		return sign == 0, true
	case "neq":
		return sign != 0, true
	}
	return false, false
}
