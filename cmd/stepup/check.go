package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"stepup/sidecar/policy"
)

func newCheck(t terminal) *cobra.Command {
	var pkg string
	var builtins []string
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Check a folder of policies: strictly, with the schema of input, and for unknown levels",
		Long: `Check a folder of policies before it is served: compiled strictly, with the schema of the
document applied to every package that reads input, whether it is annotated or not, and
with the names of levels held against the known ones.

Exit codes: 0 nothing found, 1 something is wrong, 2 wrong usage.`,
		Example: `  stepup check ./policies --package app`,
		Args:    oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			findings, err := policy.Check(cmd.Context(), args[0], policy.Config{Package: pkg, Builtins: builtins})
			if err != nil {
				return err
			}
			return tellFindings(t, args[0], findings)
		},
	}
	cmd.Flags().StringVar(&pkg, "package", "", "the package that decides; with it, its rule allow is asked for too")
	cmd.Flags().StringSliceVar(&builtins, "policy-builtins", nil, "built-in functions that policy.builtins gives back")
	return cmd
}

func oneFolder(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usageError{problem: fmt.Sprintf("check takes one folder, not %d", len(args)), hint: "for example stepup check ./policy"}
}

// tellFindings prints one line a finding, as compilers do, and fails on errors.
func tellFindings(t terminal, dir string, findings []policy.Finding) error {
	failed := false
	for _, f := range findings {
		failed = failed || f.Severity == policy.SeverityError
		if _, err := fmt.Fprintln(t.out, f); err != nil {
			return err
		}
	}
	if failed {
		return exitCode(exitFault)
	}
	_, err := fmt.Fprintf(t.out, "%s: %s\n", dir, summaryOf(len(findings)))
	return err
}

// summaryOf says how much was found where nothing of it is an error.
func summaryOf(warnings int) string {
	switch warnings {
	case 0:
		return "nothing wrong found"
	case 1:
		return "one warning, no error"
	}
	return fmt.Sprintf("%d warnings, no error", warnings)
}
