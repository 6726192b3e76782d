package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// suggestFlag names the flag that was probably meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return err
	}
	hint := fmt.Sprintf("%s --help lists the flags", cmd.CommandPath())
	if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
		hint = fmt.Sprintf("did you mean --%s? %s", near, hint)
	}
	return usageError{problem: err.Error(), hint: hint}
}

// nearestFlag is the flag of a command that is spelt nearly so; empty: none is. Of several the
// first in alphabetical order.
func nearestFlag(cmd *cobra.Command, name string) (best string) {
	least := max(2, len(name)/3) + 1
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), f.Name); d < least {
			best, least = f.Name, d
		}
	})
	return best
}

// refuseUnknownTopics lets help of what is no command be the error that the command itself would
// be. Cobra's own help prints something else, and succeeds.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err)
	}
	help.Args = func(_ *cobra.Command, args []string) error {
		_, _, err := root.Find(args)
		return err
	}
}

// suggestCommand tells cobra's own suggestion in our form: what is wrong, then what to try.
func suggestCommand(err error, root *cobra.Command, args []string) error {
	if err == nil || len(args) == 0 || !strings.HasPrefix(err.Error(), "unknown command") {
		return err
	}
	problem, _, _ := strings.Cut(err.Error(), "\n")
	hint := "stepup --help lists the commands"
	for _, word := range args {
		if known, _, err := root.Find([]string{word}); err == nil && known != root {
			continue // help, in front of what is not known
		}
		if near := root.SuggestionsFor(word); len(near) > 0 && !strings.HasPrefix(word, "-") {
			hint = fmt.Sprintf("did you mean stepup %s? %s", strings.Join(near, " or "), hint)
			break
		}
	}
	return usageError{problem: problem, hint: hint}
}
