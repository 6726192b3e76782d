package sidecar_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token/tokentest"
)

// A holder keeps the first question at work until it is let go, or until its caller has left.
type holder struct {
	entered, release, left chan struct{}
	held                   chan struct{} // has one place: of the first question
}

func newHolder() *holder {
	return &holder{make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)}
}

// Record implements [pdp.Recorder].
func (h *holder) Record(ctx context.Context, _ pdp.Record) {
	select {
	case h.held <- struct{}{}:
	default:
		return
	}
	close(h.entered)
	select {
	case <-h.release:
	case <-ctx.Done():
		close(h.left)
	}
}

// wait fails when something does not come for a long time.
func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatalf("waited in vain until %s", what)
	}
}

// startHeld runs a sidecar with Envoy's door and one place for questions, whose first question
// is held.
func startHeld(t *testing.T, issuer *tokentest.Issuer, h *holder) (s *running, envoy string) {
	t.Helper()
	envoy = free(t)
	s = start(t, fmt.Sprintf("http: {address: %q}\nenvoy: {address: %q}\nlimits: {concurrency: 1}\nissuers:\n%s", free(t), envoy, issuerEntry(issuer)),
		func(o *sidecar.Options) { o.Recorder = h })
	return s, envoy
}

func plainEnvoy(t *testing.T, target string) authv3.AuthorizationClient {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return authv3.NewAuthorizationClient(conn)
}

// statusOf is the status that Envoy's user gets.
func statusOf(answer *authv3.CheckResponse) int32 {
	if answer.GetOkResponse() != nil && answer.GetStatus().GetCode() == int32(codes.OK) {
		return 200
	}
	return int32(answer.GetDeniedResponse().GetStatus().GetCode())
}

// A checked is what became of a Check.
type checked struct {
	answer *authv3.CheckResponse
	err    error
}

// checking begins a Check.
func checking(ctx context.Context, client authv3.AuthorizationClient, token string) <-chan checked {
	done := make(chan checked, 1)
	go func() {
		answer, err := client.Check(ctx, customers(token))
		done <- checked{answer, err}
	}()
	return done
}

// TestEnvoySharesPlaces: a question that is worked on at Envoy's door takes the place of one
// over HTTP, and the other way round. Who finds none is refused: by a denied response here.
func TestEnvoySharesPlaces(t *testing.T) {
	issuer := tokentest.New(t)
	t.Run("Envoy has it", func(t *testing.T) {
		h := newHolder()
		s, envoy := startHeld(t, issuer, h)
		client := plainEnvoy(t, envoy)
		first := checking(t.Context(), client, login(issuer))
		wait(t, "Envoy's question is worked on", h.entered)
		if status, outcome := s.ask(login(issuer)); status != 503 || outcome != "deny" {
			t.Errorf("over HTTP meanwhile: %d %s, want 503 and deny", status, outcome)
		}
		answer, err := client.Check(t.Context(), customers(login(issuer)))
		if err != nil || statusOf(answer) != 503 || !strings.Contains(answer.GetDeniedResponse().GetBody(), `"overloaded"`) {
			t.Errorf("over gRPC meanwhile: %v, %v, want a denied response with 503", answer, err)
		}
		close(h.release)
		if got := <-first; got.err != nil || statusOf(got.answer) != 200 {
			t.Errorf("the question that had the place: %v, %v", got.answer, got.err)
		}
	})
	t.Run("HTTP has it", func(t *testing.T) {
		h := newHolder()
		s, envoy := startHeld(t, issuer, h)
		text := login(issuer)
		done := make(chan int, 1)
		go func() {
			status, _ := s.ask(text)
			done <- status
		}()
		wait(t, "the question over HTTP is worked on", h.entered)
		answer, err := plainEnvoy(t, envoy).Check(t.Context(), customers(text))
		if err != nil || statusOf(answer) != 503 {
			t.Errorf("over gRPC meanwhile: %v, %v, want a denied response with 503", answer, err)
		}
		close(h.release)
		if status := <-done; status != 200 {
			t.Errorf("the question that had the place: %d", status)
		}
	})
}

// TestEnvoyCallerLeaves: a caller who cancels ends the work on its question, whose place is
// free then; one whose deadline passes is told so by its own side.
func TestEnvoyCallerLeaves(t *testing.T) {
	issuer := tokentest.New(t)
	h := newHolder()
	_, envoy := startHeld(t, issuer, h)
	client := plainEnvoy(t, envoy)
	ctx, leave := context.WithCancel(t.Context())
	first := checking(ctx, client, login(issuer))
	wait(t, "the question is worked on", h.entered)
	leave()
	wait(t, "the work on it has ended", h.left)
	if got := <-first; status.Code(got.err) != codes.Canceled {
		t.Errorf("the caller who left: %v, %v", got.answer, got.err)
	}
	waitFor(t, "its place is free", func() bool {
		answer, err := client.Check(t.Context(), customers(login(issuer)))
		return err == nil && statusOf(answer) == 200
	})
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if answer, err := client.Check(late, customers(login(issuer))); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("past the deadline: %v, %v", answer, err)
	}
}

// TestEnvoyStopsGracefully: a question in flight is answered while nobody new gets in, and
// then the sidecar ends.
func TestEnvoyStopsGracefully(t *testing.T) {
	issuer := tokentest.New(t)
	h := newHolder()
	s, envoy := startHeld(t, issuer, h)
	first := checking(t.Context(), plainEnvoy(t, envoy), login(issuer))
	wait(t, "the question is worked on", h.entered)
	s.stop()
	waitFor(t, "nobody new gets in", func() bool {
		conn, err := net.Dial("tcp", envoy)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(h.release)
	if got := <-first; got.err != nil || statusOf(got.answer) != 200 {
		t.Errorf("the question in flight: %v, %v, want allowed", got.answer, got.err)
	}
	if err := <-s.stopped; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

// TestEnvoyByUnixUser asks over a socket as the user of this test, who is known at one and not
// at another: Envoy's user gets 403 there.
func TestEnvoyByUnixUser(t *testing.T) {
	issuer := tokentest.New(t)
	me := os.Getuid()
	for uid, want := range map[int]int32{me: 200, me + 1: 403} {
		path := filepath.Join(t.TempDir(), "envoy.sock")
		start(t, fmt.Sprintf("http: {address: %q}\nenvoy: {address: 'unix://%s'}\ncallers: [{name: gateway, uid: %d, doors: [envoy]}]\nissuers:\n%s", free(t), path, uid, issuerEntry(issuer)))
		answer, err := plainEnvoy(t, "unix://"+path).Check(t.Context(), customers(login(issuer)))
		if err != nil || statusOf(answer) != want {
			t.Errorf("as user %d where %d is known: %v, %v, want %d", me, uid, answer, err, want)
		}
	}
}

// TestEnvoyBeyondLoopback: with the development issuer nobody but this machine may ask Envoy's
// door, whatever else the configuration says of it.
func TestEnvoyBeyondLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.7:9191", "gateway.example:9191", ":9191"} {
		c, _, err := config.Load(config.Options{Flags: map[string]string{
			"http.address": "127.0.0.1:0", "health.address": "", "envoy.address": address, "envoy.insecure": "true",
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sidecar.NewServer(t.Context(), sidecar.Options{Config: c, Dev: true, StateDir: t.TempDir()}, false)
		if err == nil || !strings.Contains(err.Error(), "--dev refuses listeners beyond loopback, and envoy.address") {
			t.Errorf("--dev with %s: %v, want it refused", address, err)
		}
	}
}
