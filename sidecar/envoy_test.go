package sidecar_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"stepup/sidecar/token/tokentest"
)

// TestEnvoyCallers asks by TLS with certificates and keys: of whom no caller is known the
// user gets 403, by a denied response.
func TestEnvoyCallers(t *testing.T) {
	issuer := tokentest.New(t)
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	authority.issue(t, "server", "127.0.0.1")
	authority.issue(t, "known", "gw.fabrikam.example")
	authority.issue(t, "stranger", "other.fabrikam.example")
	key := strings.ReplaceAll(callerKey, " ", "_")
	address := free(t)
	s := start(t, fmt.Sprintf("http: {address: %q}\nenvoy: {address: %q, tls: {cert: '%s/server.pem', key: '%s/server-key.pem', client_ca: '%s/ca.pem'}}\n"+
		"callers:\n  - {name: gateway, san: gw.fabrikam.example, doors: [envoy]}\n  - {name: keyed, key_hash: 'sha256:%x', doors: [envoy]}\nissuers:\n%s",
		free(t), address, dir, dir, dir, sha256.Sum256([]byte(key)), issuerEntry(issuer)))
	for _, row := range []struct {
		certificate, key string
		status           int32
	}{
		{"known", "", 200}, {"stranger", "", 403}, {"stranger", key, 200}, {"known", key + "x", 403},
		{"stranger", login(issuer), 403}, // the user's token is no caller's key
	} {
		conn := authority.dial(t, address, row.certificate)
		ctx := t.Context()
		if row.key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+row.key)
		}
		answer, err := authv3.NewAuthorizationClient(conn).Check(ctx, customers(login(issuer)))
		if err != nil {
			t.Fatalf("with %s: %v", row.certificate, err)
		}
		got := int32(answer.GetDeniedResponse().GetStatus().GetCode())
		if answer.GetOkResponse() != nil && answer.GetStatus().GetCode() == 0 {
			got = 200
		}
		if got != row.status {
			t.Errorf("with the certificate %s and the key %.4q: %v, want %d", row.certificate, row.key, answer, row.status)
		}
	}
	health, err := grpc_health_v1.NewHealthClient(authority.dial(t, address, "stranger")).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if ready, _ := s.ready(); err != nil || (health.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING) != (ready == 200) {
		t.Errorf("health = %v, %v beside /readyz %d", health, err, ready)
	}
	s.stop()
	if err := <-s.stopped; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func customers(text string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/customers", Host: "intranet.fabrikam.example", Scheme: "https",
			Headers: map[string]string{"authorization": "Bearer " + text},
		},
	}}}
}

func (a *authority) dial(t *testing.T, address, name string) *grpc.ClientConn {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+"-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.pem)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
