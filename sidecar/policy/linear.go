package policy

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A linear term is slope·x + offset, where x is the one thing that is unknown: the age of
// the login, or the moment. Exact, because a breakpoint that is off by one is a wrong
// max_age.
type linear struct{ slope, offset *big.Rat }

func constant(n *big.Rat) linear { return linear{new(big.Rat), n} }

func integer(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// itself is x; before is a moment x seconds before the one given.
func itself() linear             { return linear{integer(1), new(big.Rat)} }
func before(moment int64) linear { return linear{integer(-1), integer(moment)} }

// constant reports whether the term does not depend on x.
func (l linear) constant() bool { return l.slope.Sign() == 0 }

func (l linear) plus(m linear) linear {
	return linear{new(big.Rat).Add(l.slope, m.slope), new(big.Rat).Add(l.offset, m.offset)}
}

func (l linear) times(factor *big.Rat) linear {
	return linear{new(big.Rat).Mul(l.slope, factor), new(big.Rat).Mul(l.offset, factor)}
}

func (l linear) minus(m linear) linear { return l.plus(m.times(integer(-1))) }

// root returns the x at which two terms are equal, rounded down: a comparison of the two
// can change there, or at the next whole second, and nowhere else. False if they never
// meet, or run alike, or meet beyond what a time can be.
func (l linear) root(m linear) (int64, bool) {
	d := l.minus(m)
	if d.constant() {
		return 0, false
	}
	x := new(big.Rat).Quo(d.offset, d.slope)
	x.Neg(x)
	floor := new(big.Int).Div(x.Num(), x.Denom()) // Euclidean, and the denominator is positive
	if !floor.IsInt64() {
		return 0, false
	}
	return floor.Int64(), true
}

// maxNumberText bounds the text of a number: 1e999999999 as a fraction would take all the
// memory there is.
const maxNumberText = 40

// number reads a number of Rego exactly. False if it is too large to be about time.
func number(n ast.Number) (*big.Rat, bool) {
	text := json.Number(n).String()
	if len(text) > maxNumberText {
		return nil, false
	}
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found && len(exponent) > 3 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
