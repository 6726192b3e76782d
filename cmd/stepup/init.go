package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stepup/sidecar/starter"
)

func newInit(t terminal) *cobra.Command {
	var provider string
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Begin a new policy: a folder that works at once",
		Long: `Begin a new policy in a folder of that name: the policy with its tests and samples, the
manifest of its bundle, the schema of what it reads, a step-up case, the configuration, and a
README with what to do next. It is written whole or not at all, and never over anything.

The last part of NAME is the package's name, in which a hyphen becomes an underscore. With
--provider the configuration has an issuer of that kind, with placeholders to fill in; without,
there is none yet, and serve --dev accepts the tokens of stepup token.

Exit codes: 0 written, 1 nothing was written, 2 wrong usage.`,
		Example: `  stepup init shop
  stepup init shop --provider keycloak`,
		Args: func(_ *cobra.Command, args []string) error {
			const hint = "for example stepup init shop"
			switch {
			case len(args) != 1:
				return usageError{problem: fmt.Sprintf("init takes one name, not %d", len(args)), hint: hint}
			case args[0] == "":
				return usageError{problem: "the name is empty", hint: hint}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return runInit(t, args[0], provider) },
	}
	cmd.Flags().StringVar(&provider, "provider", starter.Development,
		"the kind of provider whose tokens count: "+strings.Join(starter.Providers(), ", "))
	return cmd
}

func runInit(t terminal, name, provider string) error {
	folder, err := starter.New(name, provider)
	var unknown starter.UnknownProviderError
	switch {
	case errors.As(err, &unknown):
		return usageError{problem: err.Error(), hint: "there are " + strings.Join(starter.Providers(), ", ") + "; any other that speaks OpenID Connect is oidc"}
	case err != nil:
		return usageError{problem: err.Error(), hint: "for example stepup init shop"}
	}
	if err := folder.Write(name); err != nil {
		return hintedInit(err)
	}
	return tellFolder(t.out, name, folder)
}

func hintedInit(err error) error {
	if errors.Is(err, starter.ErrExists) {
		return hinted{err, "choose another name, or move away what is there"}
	}
	return hinted{err, "the folder above has to be there and writable"}
}

// tellFolder lists what was written, and what to do next as it can be typed.
func tellFolder(w io.Writer, name string, f *starter.Folder) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a new policy, the package %s:\n\n", onOneLine(name), f.Package)
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, file := range f.Files {
		_, _ = fmt.Fprintf(table, "  %s\t%s\n", onOneLine(filepath.Join(name, filepath.FromSlash(file.Path))), file.About)
	}
	_ = table.Flush()
	self := program()
	fmt.Fprintf(&b, `
Next:

  cd %s
  %[2]s check .
  %[2]s test . --coverage
  %[2]s serve --dev --watch --config stepup.yaml

and, while that runs, in another terminal, a refund after a password only: step up

  curl -s http://127.0.0.1:8181/v1/decision -H 'Content-Type: application/json' \
    -d '{"token":"'"$(%[2]s token --level normal --scope write:refunds)"'","action":{"name":"POST"},"resource":{"type":"route","id":"/refunds"}}'
`, quoted(name), self)
	_, err := io.WriteString(w, b.String())
	return err
}
