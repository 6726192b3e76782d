package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/telemetry"
)

// scrape returns the lines of our own series, as a scraper reads them.
func scrape(t *testing.T, i *telemetry.Instruments) []string {
	t.Helper()
	srv := httptest.NewServer(i.Handler())
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "stepup_") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

const fabrikam = "https://fabrikam.example/"

func because(o access.Outcome, code access.Code) access.Decision {
	return access.Decision{Outcome: o, Reasons: []access.Reason{{Code: code}}}
}

func TestWhatIsCounted(t *testing.T) {
	zeros := []string{"stepup_development_issuer 0", "stepup_http_requests_in_flight 0", "stepup_policy_load_errors_total 0", "stepup_routes_load_errors_total 0"}
	rows := []struct {
		name string
		do   func(*telemetry.Instruments)
		want []string // beside the zeros
	}{
		{"requirements", func(i *telemetry.Instruments) {
			i.Required("native", "")
			i.Required("native", access.NotReady)
		}, []string{
			`stepup_requirements_total{door="native",result="not_ready"} 1`,
			`stepup_requirements_total{door="native",result="ok"} 1`,
		}},
		{"nothing", func(*telemetry.Instruments) {}, nil},
		{"verifications", func(i *telemetry.Instruments) {
			i.TokenVerified(fabrikam, "")
			i.TokenVerified(fabrikam, access.TokenExpired)
			i.TokenVerified("https://evil.example/", access.IssuerUnknown)
			i.TokenVerified("", access.TokenMalformed)
			i.TokenVerified(fabrikam, "invented")
		}, []string{
			`stepup_token_verifications_total{issuer="https://fabrikam.example/",result="ok"} 1`,
			`stepup_token_verifications_total{issuer="https://fabrikam.example/",result="other"} 1`,
			`stepup_token_verifications_total{issuer="https://fabrikam.example/",result="token_expired"} 1`,
			`stepup_token_verifications_total{issuer="other",result="issuer_unknown"} 1`,
			`stepup_token_verifications_total{issuer="other",result="token_malformed"} 1`}},
		{"failed fetches", func(i *telemetry.Instruments) {
			i.KeysFetched(fabrikam, 0, errors.New("down"))
			i.KeysFetched(fabrikam, 2, errors.New("down"))
		}, []string{
			`stepup_issuer_key_fetches_total{issuer="https://fabrikam.example/",result="error"} 2`,
			`stepup_issuer_keys_usable{issuer="https://fabrikam.example/"} 2`}},
		{"an issuer whose keys were fetched is configured", func(i *telemetry.Instruments) {
			i.KeysFetched("https://other.example/", 1, errors.New("down"))
			i.UnknownACR("https://other.example/")
			i.UnknownACR("https://evil.example/")
		}, []string{
			`stepup_issuer_key_fetches_total{issuer="https://other.example/",result="error"} 1`,
			`stepup_issuer_keys_usable{issuer="https://other.example/"} 1`,
			`stepup_unknown_acr_total{issuer="https://other.example/"} 1`,
			`stepup_unknown_acr_total{issuer="other"} 1`}},
		{"one policy is active at a time", func(i *telemetry.Instruments) {
			i.PolicyActive("demonstration@1", "demonstration")
			i.PolicyActive("folder@1", "folder")
			i.PolicyActive("folder@2", "folder")
			i.PolicyActive("folder@2", "folder")
		}, []string{`stepup_policy_info{kind="folder",revision="folder@2"} 1`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			i := telemetry.New(fabrikam)
			row.do(i)
			want := slices.Concat(zeros, row.want)
			slices.Sort(want)
			got := scrape(t, i)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("series differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecisionsAreCounted(t *testing.T) {
	i := telemetry.New()
	i.Decision("native", access.Decision{Outcome: access.Allow}, 2*time.Millisecond)
	i.Decision("native", because(access.StepUp, access.LevelTooLow), time.Millisecond)
	i.Decision("native", because(access.Deny, "fabrikam/closed"), time.Millisecond)
	i.Decision("native", because(access.Deny, "fabrikam/late"), time.Millisecond)
	i.Decision("native", because(access.Indeterminate, access.PolicyTimeout), 100*time.Millisecond)
	i.Decision("native", access.Decision{}, time.Second)
	got := scrape(t, i)
	for _, want := range []string{
		`stepup_decisions_total{code="none",door="native",outcome="allow"} 1`,
		`stepup_decisions_total{code="level_too_low",door="native",outcome="step_up"} 1`,
		`stepup_decisions_total{code="policy",door="native",outcome="deny"} 2`,
		`stepup_decisions_total{code="policy_timeout",door="native",outcome="fault"} 1`,
		`stepup_decisions_total{code="none",door="native",outcome="deny"} 1`,
		`stepup_decision_seconds_bucket{door="native",le="0.001"} 3`,
		`stepup_decision_seconds_count{door="native"} 6`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestLostIsCountedOnce: what OPA counts under two names, as it does for the buffer by size, is one loss; and what it tells
// again is none.
func TestLostIsCountedOnce(t *testing.T) {
	i := telemetry.New()
	for range 2 {
		i.DecisionLogCounts(map[string]uint64{"dropped_buffer_size_limit_exceeded": 3, "dropped_buffer_size_limit_bytes_exceeded": 3})
	}
	if got, want := scrape(t, i), `stepup_decision_log_lost_total{reason="buffer"} 3`; !slices.Contains(got, want) {
		t.Errorf("%s is not among\n%s", want, strings.Join(got, "\n"))
	}
}

func TestSuccessfulFetchTellsWhen(t *testing.T) {
	i := telemetry.New()
	before := float64(time.Now().Unix())
	i.KeysFetched(fabrikam, 3, nil)
	var at float64
	for _, line := range scrape(t, i) {
		if strings.HasPrefix(line, "stepup_issuer_keys_fetched_timestamp_seconds") {
			_, value, _ := strings.Cut(line, " ")
			_, _ = fmt.Sscan(value, &at)
		}
	}
	if at < before || at > before+60 {
		t.Errorf("fetched at %f, want about %f", at, before)
	}
}

// However many codes and issuers callers invent, the series stay as many as configured.
func TestCardinalityIsBounded(t *testing.T) {
	i := telemetry.New(fabrikam)
	for n := range 1000 {
		i.Decision("native", because(access.Deny, access.Code(fmt.Sprintf("fabrikam/%d", n))), 0)
		i.Decision("native", because(access.Deny, access.Code(fmt.Sprintf("invented_%d", n))), 0)
		i.TokenVerified(fmt.Sprintf("https://%d.example/", n), access.IssuerUnknown)
		i.UnknownACR(fmt.Sprintf("https://%d.example/", n))
		i.PolicyActive(fmt.Sprintf("folder@%d", n), "folder")
	}
	if got := len(scrape(t, i)); got > 30 {
		t.Errorf("%d series, want at most 30", got)
	}
}

// Two sidecars in one process count apart, and counting is safe at once from anywhere.
func TestInstrumentsAreApart(t *testing.T) {
	one, two := telemetry.New(), telemetry.New()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			one.PolicyRefused()
			one.InFlight().Inc()
			one.KeysFetched(fabrikam, n, nil)
			one.PolicyActive(fmt.Sprint(n), "folder")
		})
	}
	all.Wait()
	one.DevelopmentIssuer(true)
	got := scrape(t, one)
	for _, want := range []string{"stepup_policy_load_errors_total 8", "stepup_http_requests_in_flight 8", "stepup_development_issuer 1"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if got := strings.Join(scrape(t, two), "\n"); strings.Contains(got, " 8") || strings.Contains(got, "issuer 1") {
		t.Errorf("the other counted too:\n%s", got)
	}
}

// The table is what is served: the same names, kinds and help, named as Prometheus wants.
func TestTable(t *testing.T) {
	name := regexp.MustCompile(`^stepup_[a-z_]+$`)
	for _, row := range telemetry.Table() {
		if !name.MatchString(row.Name) || row.Help == "" {
			t.Errorf("%+v: bad name or no help", row)
		}
		if (row.Kind == telemetry.Counter) != strings.HasSuffix(row.Name, "_total") {
			t.Errorf("%s: counters, and only they, end in _total", row.Name)
		}
	}
}

func TestNewLogger(t *testing.T) {
	rows := []struct {
		format, level string
		json          bool
		lines         int
	}{
		{"auto", "info", true, 2}, // no terminal here
		{"json", "debug", true, 3},
		{"text", "warn", false, 1},
		{"text", "error", false, 0},
	}
	for _, row := range rows {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(row.format, row.level, &out)
		if err != nil {
			t.Fatalf("NewLogger(%s, %s): %v", row.format, row.level, err)
		}
		log.Debug("a")
		log.Info("b", "token", access.NewCredential("eyJsecret"))
		log.Warn("c")
		text := out.String()
		lines := strings.Count(text, "\n")
		if lines != row.lines || strings.Contains(text, "eyJsecret") {
			t.Errorf("NewLogger(%s, %s) wrote %q, want %d lines", row.format, row.level, text, row.lines)
		}
		if first, _, _ := strings.Cut(text, "\n"); lines > 0 && json.Valid([]byte(first)) != row.json {
			t.Errorf("NewLogger(%s, %s) wrote %q, want JSON %v", row.format, row.level, first, row.json)
		}
	}
	for _, wrong := range [][2]string{{"xml", "info"}, {"", "info"}, {"json", "loud"}, {"json", ""}} {
		if log, err := telemetry.NewLogger(wrong[0], wrong[1], io.Discard); err == nil || log != (*slog.Logger)(nil) {
			t.Errorf("NewLogger(%q, %q): no error", wrong[0], wrong[1])
		}
	}
}

func TestSubject(t *testing.T) {
	rows := []struct{ mode, issuer, subject, want string }{
		{"plain", fabrikam, "auth0|alice", "auth0|alice"},
		{"none", fabrikam, "auth0|alice", ""},
		{"hashed", fabrikam, "", ""},
		{"Hashed", fabrikam, "auth0|alice", ""}, // unknown modes tell nothing
		{"", fabrikam, "auth0|alice", ""},
		// printf %s 'auth0|alice' | openssl dgst -sha256 -hmac 'https://fabrikam.example/'
		{"hashed", fabrikam, "auth0|alice", "hmac:03a899d914f7422d700b5fd2e2951423"},
	}
	for _, row := range rows {
		if got := telemetry.Subject(row.mode, row.issuer, row.subject); got != row.want {
			t.Errorf("Subject(%q, %q, %q) = %q, want %q", row.mode, row.issuer, row.subject, got, row.want)
		}
	}
	if telemetry.Subject("hashed", "https://a/", "x") == telemetry.Subject("hashed", "https://b/", "x") {
		t.Error("subjects of two issuers have one pseudonym")
	}
}
