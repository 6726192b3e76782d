package derive_test

import (
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/derive"
)

// BenchmarkDerive searches among four logins, of which the two stronger would do for ten
// minutes, with an oracle that costs nothing.
func BenchmarkDerive(b *testing.B) {
	var logins []assurance.Login
	for _, level := range []string{"normal", "mfa", "phr", "phrh"} {
		logins = append(logins, assurance.Login{Level: level, Claims: []access.Object{{"acr": level}}})
	}
	oracle := made{
		allows: func(level string, age int64) (bool, error) { return level[0] == 'p' && age <= 600, nil },
		points: derive.Breakpoints{Ages: []int64{600}, Known: true},
	}
	b.ReportAllocs()
	for b.Loop() {
		if found, err := derive.Search(b.Context(), logins, oracle); err != nil || len(found.Ways) != 2 {
			b.Fatal(found, err)
		}
	}
}
