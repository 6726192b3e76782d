package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stepup/sidecar/config"
)

// configFlags are the flags of every command that reads the configuration: its file, and
// one flag for each key that stands below no list.
type configFlags struct {
	file string
	cmd  *cobra.Command
	keys map[string]string // flag to path
}

// register adds the flags to a command.
func (c *configFlags) register(cmd *cobra.Command) {
	c.cmd, c.keys = cmd, map[string]string{}
	cmd.Flags().StringVar(&c.file, "config", "", "read the configuration from this YAML `file`")
	c.add(config.Keys())
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
		c.keys[k.Flag] = k.Path
		c.cmd.Flags().String(k.Flag, "", fmt.Sprintf("set %s", k.Path))
		f := c.cmd.Flags().Lookup(k.Flag)
		f.Hidden = true
		f.DefValue = ""
	}
}

// load reads the configuration: flag before environment before file before default.
func (c *configFlags) load(t terminal) (*config.Config, []string, error) {
	flags := map[string]string{}
	c.cmd.Flags().Visit(func(f *pflag.Flag) {
		if path, ok := c.keys[f.Name]; ok {
			flags[path] = f.Value.String()
		}
	})
	return config.Load(config.Options{File: c.file, Environ: t.environ, Flags: flags})
}
