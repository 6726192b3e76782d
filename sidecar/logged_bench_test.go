package sidecar_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"stepup/sidecar"
)

// BenchmarkLogged is BenchmarkAnswer with every decision logged to a service: what is counted
// is all that the process does for it, until the service has the events.
func BenchmarkLogged(b *testing.B) {
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer service.Close()
	w := newAnswering(b)
	w.config.HTTP.Address, w.config.Health.Address = "127.0.0.1:0", ""
	w.config.Policy.OPA = map[string]any{
		"services":      map[string]any{"sink": map[string]any{"url": service.URL}},
		"decision_logs": map[string]any{"service": "sink", "reporting": map[string]any{"min_delay_seconds": 1, "max_delay_seconds": 1, "upload_size_limit_bytes": 32 << 20}},
	}
	for name, body := range map[string]func(int) []byte{"hot": w.one, "logins": w.logins} {
		b.Run(name, func(b *testing.B) {
			server, err := sidecar.NewServer(b.Context(), sidecar.Options{Config: w.config, Logger: slog.New(slog.DiscardHandler)}, false)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			listening, ended := make(chan struct{}), make(chan error, 1)
			server.Listening = func(net.Addr) { close(listening) }
			go func() { ended <- server.Run(ctx) }()
			<-listening
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if s := w.ask(server.Handler(), body(n)); s.code != http.StatusOK || s.refused {
					b.Fatalf("status %d, refused %t", s.code, s.refused)
				}
			}
			stop()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}
