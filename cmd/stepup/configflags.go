package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stepup/sidecar/config"
)

// configFlags are the flags of every command that reads the configuration: its file, and
// one flag for each key that stands below no list.
type configFlags struct {
	file string
	cmd  *cobra.Command
	keys map[string]*config.Key // by flag
}

// register adds the flags to a command. Those of single keys are many, so that help lists
// them where a reader looks for them only: see [configFlags.list]. Shown are those that
// the command's help shows all the same.
func (c *configFlags) register(cmd *cobra.Command, shown ...string) {
	c.cmd, c.keys = cmd, map[string]*config.Key{}
	cmd.Flags().StringVar(&c.file, "config", "", "read the configuration from this YAML `file`")
	c.add(config.Keys())
	for _, name := range shown {
		cmd.Flags().Lookup(name).Hidden = false
	}
}

func (c *configFlags) add(keys []*config.Key) {
	for _, k := range keys {
		if k.Flag == "" {
			c.add(k.Keys)
			continue
		}
		if k.Later {
			continue
		}
		c.keys[k.Flag] = k
		f := c.cmd.Flags().VarPF(&keyValue{kind: k.Kind}, k.Flag, "", helpOf(k))
		f.Hidden = true
		if k.Kind == config.Boolean {
			f.NoOptDefVal = "true"
		}
	}
}

// helpOf is what help says of a key.
func helpOf(k *config.Key) string {
	if len(k.One) == 0 {
		return k.Help
	}
	return k.Help + " One of: " + strings.Join(k.One, ", ") + "."
}

// list makes help end with the flags of single keys.
func (c *configFlags) list(cmd *cobra.Command) {
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		help(cmd, args)
		cmd.Printf("\nConfiguration, one flag a key (docs/configuration.md says more of each):\n%s", c.usages())
	})
}

// usages is the list of flags, each with its help and default.
func (c *configFlags) usages() string {
	shown := pflag.NewFlagSet("configuration", pflag.ContinueOnError)
	c.cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if k, ok := c.keys[f.Name]; ok {
			one := *f
			one.Hidden, one.DefValue, one.NoOptDefVal = false, k.Default, ""
			shown.AddFlag(&one)
		}
	})
	return shown.FlagUsagesWrapped(100)
}

// load reads the configuration: flag before environment before file before default.
func (c *configFlags) load(t terminal) (*config.Config, []string, error) {
	flags := map[string]string{}
	c.cmd.Flags().Visit(func(f *pflag.Flag) {
		if k, ok := c.keys[f.Name]; ok {
			flags[k.Path] = f.Value.String()
		}
	})
	return config.Load(config.Options{File: c.file, Environ: t.environ, Flags: flags})
}

// A keyValue is what a flag gives a key: text, which the configuration reads and checks.
type keyValue struct {
	text string
	kind config.Kind
}

func (v *keyValue) String() string { return v.text }

func (v *keyValue) Set(text string) error {
	v.text = text
	return nil
}

// Type is the word for the value in help.
func (v *keyValue) Type() string {
	switch v.kind {
	case config.Texts, config.TextMap, config.FreeMap, config.Sections:
		return "yaml"
	case config.Listen:
		return "address"
	case config.Number:
		return "number"
	case config.Boolean:
		return "true|false"
	}
	word, _, _ := strings.Cut(string(v.kind), ",")
	return word
}

// noArgs refuses what stands beside the flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{
		problem: fmt.Sprintf("%q is one word too many: %s takes flags only", args[0], cmd.CommandPath()),
		hint:    "a flag that is true or false is written --flag or --flag=false; " + cmd.CommandPath() + " --help lists the flags",
	}
}
