package derive_test

import (
	"slices"
	"testing"

	"stepup/sidecar/access"
)

// TestAnswersLast holds valid_until to its promise: until then a fresh answer would be the
// same. The oracle gives the fresh answers, second by second at first, then here and there,
// and in the last second before.
func TestAnswersLast(t *testing.T) {
	t.Parallel()
	told, bounded, byOutcome := 0, 0, map[access.Outcome]int{}
	for _, c := range generated(seedOf(t), policiesOf(t)/4) {
		loaded := loadPolicy(t, c.text, c.world)
		for _, f := range c.present {
			d := decisionOf(t, loaded, f)
			if d.ValidUntil == 0 {
				continue
			}
			told++
			byOutcome[d.Outcome]++
			if d.ValidUntil < f.now+3600 {
				bounded++
			}
			if d.Outcome == access.StepUp || d.ValidUntil <= f.now {
				t.Errorf("policy %d: %v with valid_until %d at %d", c.number, d.Outcome, d.ValidUntil, f.now)
			}
			wantSameUntil(t, c, f, d)
		}
	}
	t.Logf("%d answers tell until when they last, %d of them less than an hour: %v", told, bounded, byOutcome)
	if bounded == 0 || byOutcome[access.Allow] == 0 || byOutcome[access.Deny] == 0 {
		t.Errorf("the cases are not of all kinds")
	}
}

func wantSameUntil(t *testing.T, c generatedCase, f facts, d access.Decision) {
	t.Helper()
	for _, moment := range momentsBefore(f.now, d.ValidUntil) {
		later := f
		later.now = moment
		if want := judge(c.policy, later); want.outcome != d.Outcome || want.code != d.Code() {
			t.Errorf("policy %d: %v %s at %d until %d, but at %d (%d s later) it is %v %s\n%s", c.number, d.Outcome, d.Code(),
				f.now, d.ValidUntil, moment, moment-f.now, want.outcome, want.code, claim{policy: c.policy, facts: f})
			return
		}
	}
}

// momentsBefore returns moments after now and before the end.
func momentsBefore(now, end int64) []int64 {
	moments := []int64{end - 1}
	for second := now + 1; second < min(end, now+20); second++ {
		moments = append(moments, second)
	}
	for tenth := range int64(10) {
		moments = append(moments, now+(end-now)*tenth/10)
	}
	return slices.DeleteFunc(moments, func(m int64) bool { return m <= now })
}
