package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newDemoFor starts a demonstration for a test. Stop stops it; the test's end does too.
func newDemoFor(t *testing.T, o demoOptions) (d *demo, stop func()) {
	t.Helper()
	o.log = slog.New(slog.NewTextHandler(outputOf(t), nil))
	ctx, cancel := context.WithCancel(context.Background())
	d, err := startDemo(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := d.wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return d, stop
}

// outputOf is a test's output as long as the test runs: keys that are being fetched when a
// sidecar stops may be reported a moment later.
func outputOf(t *testing.T) io.Writer {
	o := &output{to: t.Output()}
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.to = io.Discard
	})
	return o
}

type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(text)
}

// TestIDTokenPolicy holds the policy for ID tokens to the demonstration's: they differ in
// scopes, which ID tokens have none of, and in nothing else.
func TestIDTokenPolicy(t *testing.T) {
	want, got := rulesOf(t, "../../policies/fabrikam/fabrikam.rego"), rulesOf(t, "demo_id_token/fabrikam.rego")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("demo_id_token/fabrikam.rego (-want +got)\n%s", diff)
	}
}

// rulesOf returns a policy without comments and without conditions on scopes.
func rulesOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " in input.token.scopes") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestListenNear takes a port that is free for both families of localhost.
func TestListenNear(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		taken, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Logf("LEFT OUT: %s, which this machine has not", address)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = taken.Close() }()
		port := taken.Addr().(*net.TCPAddr).Port
		doors, got, err := listenNear(t.Context(), port)
		if err != nil {
			t.Fatalf("listenNear beside %s: %v", taken.Addr(), err)
		}
		defer closeAll(doors)
		if got <= port || got >= port+tries {
			t.Errorf("listenNear(%d) beside %s took %d, want one of the next", port, taken.Addr(), got)
		}
	}
}

// TestFollow is what people may type.
func TestFollow(t *testing.T) {
	d, _ := newDemoFor(t, demoOptions{offset: time.Hour})
	if ahead := time.Until(d.clock.Now()).Round(time.Minute); ahead != time.Hour {
		t.Errorf("the clock is %s ahead, want an hour", ahead)
	}
	for _, row := range []struct{ line, want string }{
		{"", `^Alice Adams's code is [0-9]{6}, for [0-9]+ more seconds\.$`},
		{"+90s", `^It is now [0-9:]{8}, for intranet, provider and sidecar\.`},
		{"+-1h", `is not a time up to a day`},
		{"+25h", `is not a time up to a day`},
		{"+1h 2h", `^Not understood`},
		{"-1h", `^Not understood`},
		{"misbehave drop-amr down", `drop-amr down$`},
		{"misbehave nicely", `"nicely" is nothing that the provider can do wrong`},
		{"behave", `does as it is asked`},
		{"behave now", `^Not understood`},
	} {
		if got := d.follow(row.line); !regexp.MustCompile(row.want).MatchString(got) {
			t.Errorf("follow(%q) = %q, want %s", row.line, got, row.want)
		}
	}
	if ahead := time.Until(d.clock.Now()).Round(30 * time.Second); ahead != time.Hour+90*time.Second {
		t.Errorf("the clock is %s ahead, want an hour and 90 seconds", ahead)
	}
}

// TestReadRuling refuses what the contract of the login rule does not know.
func TestReadRuling(t *testing.T) {
	for text, good := range map[string]bool{
		`{"factors": ["otp"], "remembered_device": "ignore"}`:                                                       true,
		`{"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd", "otp"], "auth_time": 1795428000}}`: true,
		`{"error": "login_required"}`:  true,
		`{"allow": true}`:              false,
		`{"claims": {"level": "phr"}}`: false,
		`[]`:                           false,
		``:                             false,
	} {
		if _, err := readRuling([]byte(text)); (err == nil) != good {
			t.Errorf("readRuling(%s): %v, want it to be read: %t", text, err, good)
		}
	}
}
