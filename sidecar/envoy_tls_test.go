package sidecar

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol/extauthz"
)

// nobodyDecides is a decider that nobody asks.
type nobodyDecides struct{}

func (nobodyDecides) Decide(context.Context, access.Request) access.Decision {
	return access.Decision{}
}

// TestEnvoyCertificateIsReloaded replaces the certificate of a gRPC server while it serves: a
// new connection gets the new one.
func TestEnvoyCertificateIsReloaded(t *testing.T) {
	dir := t.TempDir()
	copyPair(t, dir, "first")
	var now atomic.Int64
	f := &tlsFiles{
		cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		log: slog.New(slog.DiscardHandler), now: func() time.Time { return time.Unix(now.Load(), 0) },
	}
	secure, err := f.config()
	if err != nil {
		t.Fatal(err)
	}
	server := extauthz.NewServer(extauthz.New(extauthz.Config{Decider: nobodyDecides{}}), secure, &extauthz.Health{Ready: func() bool { return true }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	for _, want := range []string{"first", "second"} {
		if got := certificateOf(t, l.Addr().String()); got != want {
			t.Errorf("a new connection sees the certificate of %q, want %q", got, want)
		}
		copyPair(t, dir, "second")
		now.Add(int64(recheckFiles / time.Second))
	}
}

// certificateOf returns whose certificate a health check over gRPC was answered with.
func certificateOf(t *testing.T, address string) string {
	t.Helper()
	var name atomic.Value
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		InsecureSkipVerify: true, // it is its own authority; who it is of is looked at here
		VerifyConnection: func(s tls.ConnectionState) error {
			name.Store(s.PeerCertificates[0].Subject.CommonName)
			return nil
		},
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	return name.Load().(string)
}
