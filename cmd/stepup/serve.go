package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/heap"
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
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, warnings, err := c.load(t)
			if err != nil {
				return err
			}
			if printConfig {
				tellWarnings(t.err, warnings)
				if err := sidecar.CheckIssuers(cmd.Context(), cfg); err != nil {
					return err
				}
				return cfg.Print(t.out)
			}
			lines := telemetry.NewLines(t.err)
			defer lines.Flush()
			log, err := newLogger(cfg, lines)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				log.Warn(w)
			}
			defer spreadCollections(t)() // what is loaded stays: to look for garbage among it only takes time
			server, err := sidecar.NewServer(cmd.Context(), sidecar.Options{Config: cfg, Dev: dev, Logger: log, Version: version}, watch)
			if err != nil {
				return err
			}
			if dev {
				server.Listening = func(doors net.Addr) { lines.Flush(); invite(t, cfg, doors) }
			}
			return hintAddress(server.Run(cmd.Context()))
		},
	}
	c.register(cmd)
	c.list(cmd)
	cmd.Flags().BoolVar(&dev, "dev", false, "accept tokens of the development issuer (stepup token); loopback only")
	cmd.Flags().BoolVar(&watch, "watch", false, "follow the files of policy.path and of routes")
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print the configuration with the origin of each value, and exit")
	return cmd
}

// spreadCollections lets the collector run more seldom, unless its environment says how often.
func spreadCollections(t terminal) (restore func()) {
	if slices.ContainsFunc(t.environ, func(v string) bool { return strings.HasPrefix(v, "GOGC=") && v != "GOGC=" }) {
		return func() {}
	}
	return heap.Spread(heap.Enough)
}

// hintAddress says what to do when somebody else listens already.
func hintAddress(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return hinted{err, "another program listens there, maybe another sidecar; take other ports, such as --http-address 127.0.0.1:9181 --health-address 127.0.0.1:9282"}
}

func newLogger(cfg *config.Config, w io.Writer) (*slog.Logger, error) {
	return telemetry.NewLogger(cfg.Log.Format, cfg.Log.Level, w)
}
