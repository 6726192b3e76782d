package sidecar_test

import (
	"strings"
	"testing"

	"stepup/sidecar/token/tokentest"
)

// Answers are kept within the memory that the configuration gives them, and metrics tell.
func TestKeptAnswersAreCounted(t *testing.T) {
	t.Parallel()
	issuer := tokentest.New(t)
	text := login(issuer)
	for memory, kept := range map[string]bool{"1MiB": true, "0": false} {
		s := start(t, "issuers:\n"+issuerEntry(issuer)+"answers: {memory: "+memory+"}\n")
		// The first questions may come before the issuer's keys, of which then nothing is kept.
		waitFor(t, "the issuer's keys", func() bool { status, _ := s.ready(); return status == 200 })
		for range 4 {
			if status, outcome := s.ask(text); status != 200 || outcome != "allow" {
				t.Fatalf("%d %s, want an allow", status, outcome)
			}
		}
		told := metricsOf(t, s)
		for _, cache := range []string{"tokens", "answers"} {
			hits := strings.Contains(told, `stepup_kept_total{cache="`+cache+`",result="hit"} 3`)
			takes := strings.Contains(told, `stepup_kept_bytes{cache="`+cache+`"}`)
			if hits != kept || takes != kept {
				t.Errorf("answers.memory %s: three of four questions found in %s %t, its size told %t, want both %t", memory, cache, hits, takes, kept)
			}
		}
		if !strings.Contains(told, `stepup_decisions_total{code="none",door="native",outcome="allow"} 4`) {
			t.Errorf("answers.memory %s: not every answer is counted", memory)
		}
	}
}
