package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// told are the modules whose versions people ask for.
var told = []string{
	"github.com/open-policy-agent/opa",
	"github.com/go-jose/go-jose/v4",
	"github.com/labstack/echo/v4",
}

func newVersion(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of OPA, go-jose and echo",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(t.out, "stepup %s\n%s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			for _, path := range told {
				if err == nil {
					_, err = fmt.Fprintf(t.out, "%s %s\n", path, moduleVersion(path))
				}
			}
			return err
		},
	}
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}
