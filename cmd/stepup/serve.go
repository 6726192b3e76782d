package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/telemetry"
)

func newServe(t terminal) *cobra.Command {
	var c configFlags
	var dev, watch, printConfig bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the sidecar",
		Long: `Run the sidecar until it is told to stop (SIGTERM, Ctrl-C).

Every key of the configuration that stands below no list is a flag too: --http-address for
http.address, --policy-path for policy.path. A flag comes before the environment
(STEPUP_HTTP_ADDRESS), that before the file, and that before the default.`,
		Example: `  stepup serve --dev
  stepup serve --config stepup.yaml
  stepup serve --dev --watch --policy-path ./policies --policy-package app`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, warnings, err := c.load(t)
			if err != nil {
				return err
			}
			if printConfig {
				return cfg.Print(t.out)
			}
			log, err := newLogger(cfg, t.err)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				log.Warn(w)
			}
			server, err := sidecar.NewServer(cmd.Context(), sidecar.Options{Config: cfg, Dev: dev, Logger: log, Version: version}, watch)
			if err != nil {
				return err
			}
			if dev {
				server.Listening = func(doors net.Addr) { invite(t.out, cfg, doors) }
			}
			return server.Run(cmd.Context())
		},
	}
	c.register(cmd)
	cmd.Flags().BoolVar(&dev, "dev", false, "accept tokens of the development issuer (stepup token); loopback only")
	cmd.Flags().BoolVar(&watch, "watch", false, "follow the files of policy.path")
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print the configuration with the origin of each value, and exit")
	return cmd
}

func newLogger(cfg *config.Config, w io.Writer) (*slog.Logger, error) {
	return telemetry.NewLogger(cfg.Log.Format, cfg.Log.Level, w)
}

// invite prints questions to try, which work as they are printed.
func invite(w io.Writer, cfg *config.Config, doors net.Addr) {
	if network, _ := cfg.HTTP.Address.Network(); network != "tcp" || cfg.HTTP.TLS.Cert != "" || !cfg.Policy.Demonstration() {
		return
	}
	self := program()
	_, _ = fmt.Fprintf(w, "\nstepup is listening on http://%s with the Fabrikam demonstration policy. Try, in another terminal:\n", doors)
	for _, try := range []struct{ title, level, resource string }{
		{"Customers, for anyone who has signed in: allow", "normal", "/customers"},
		{"Employees, salaries inside, after a password only: deny", "normal", "/employees"},
		{"Employees, after a second factor: allow", "mfa", "/employees"},
		{"Payroll, which nobody may even read here: deny", "phr", "/payroll/transfers"},
	} {
		_, _ = fmt.Fprintf(w, `
# %s
curl -s http://%s/v1/decision -H 'Content-Type: application/json' \
  -d '{"token":"'"$(%s token --level %s)"'","action":{"name":"GET"},"resource":{"type":"route","id":"%s"}}'
`, try.title, doors, self, try.level, try.resource)
	}
	_, _ = fmt.Fprintln(w)
}

// program is how this program can be called again from the folder it was called in.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if near, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(near, "..") {
		return "./" + near
	}
	return path
}
