package keep

import "math"

// Forever is the end of what time alone never changes.
const Forever int64 = math.MaxInt64

// A Span is when something is the same, in whole seconds since the epoch. The zero value
// holds at no moment.
type Span struct {
	From  int64 // the first second
	Until int64 // the first second after
}

// Second is the span of one second.
func Second(now int64) Span { return Span{From: now, Until: now + 1} }

// Holds reports whether a moment is within the span. Clocks go back too.
func (s Span) Holds(now int64) bool { return s.From <= now && now < s.Until }
