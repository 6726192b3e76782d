package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// probeTimeout is how long a probe waits: an answer later than that is none.
const probeTimeout = 3 * time.Second

func newHealth(t terminal) *cobra.Command {
	var c configFlags
	live := false
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running sidecar whether it is ready; exit 0 if it is",
		Long: `Ask a running sidecar whether it is ready, at the health.address of its configuration.
For images without a shell, as the command of a probe.

Exit codes: 0 ready, 1 not ready or nobody answers, 2 wrong usage.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := c.load(t)
			if err != nil {
				return err
			}
			if cfg.Health.Address == "" {
				return hinted{fmt.Errorf("health.address is empty: this sidecar has no health listener"), "set health.address"}
			}
			network, address := cfg.Health.Address.Network()
			path := "/readyz"
			if live {
				path = "/livez"
			}
			return probe(cmd.Context(), t.out, network, address, path)
		},
	}
	c.register(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers")
	return cmd
}

// probe prints the answer and fails unless it is 200.
func probe(ctx context.Context, w io.Writer, network, address, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, reachable(network, address))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://stepup"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return hinted{fmt.Errorf("nobody answers on %s: %w", address, err), "is the sidecar running, and is this its configuration?"}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\n", plainJSON(bytes.TrimSpace(text))); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return exitCode(exitFault)
	}
	return nil
}

// reachable gives the address of a listener on all interfaces as seen from here.
func reachable(network, address string) string {
	host, port, err := net.SplitHostPort(address)
	if network != "tcp" || err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort(loopbackOf(host), port)
	}
	return address
}

func loopbackOf(host string) string {
	if strings.Contains(host, ":") {
		return "::1"
	}
	return "127.0.0.1"
}
