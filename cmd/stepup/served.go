package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stepup/sidecar/config"
)

// configurationFile is where a folder says how it is served.
const configurationFile = "stepup.yaml"

// served is the configuration of a sidecar that is started in a folder, the environment aside, with
// its paths seen from here; nil: the folder has no stepup.yaml. The package comes before the file's
// if there is one. Without a folder of policies in it, there is nothing to do for the command that
// asks.
func served(t terminal, dir, pkg, command string) (*config.Config, error) {
	file := filepath.Join(dir, configurationFile)
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	flags := map[string]string{}
	if pkg != "" {
		flags["policy.package"] = pkg
	}
	c, warnings, err := config.Load(config.Options{File: file, Flags: flags})
	if err != nil {
		return nil, err
	}
	tellWarnings(t.err, warnings)
	return c, inside(dir, c, command)
}

// inside makes the paths of policy and routes such that they are found from here: they count from
// the folder.
func inside(dir string, c *config.Config, command string) error {
	switch path := c.Policy.Path; {
	case path == "":
		return usageError{
			problem: fmt.Sprintf("%s names no policy.path, so there is nothing to %s", filepath.Join(dir, configurationFile), command),
			hint:    "give it the folder of the policy, or name that folder: " + naming(dir, command),
		}
	case strings.HasSuffix(path, ".tar.gz"):
		return usageError{
			problem: fmt.Sprintf("policy.path is the bundle %s, and what there is to %s is in folders", path, command),
			hint:    "name the folder that it is built of: " + naming(dir, command),
		}
	}
	for _, path := range []*string{&c.Policy.Path, &c.Routes.Table, &c.Routes.OpenAPI} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return nil
}

// naming is the command for a folder that the stepup.yaml of this one does not name.
func naming(dir, command string) string {
	if command == "check" {
		return "stepup check FOLDER --config " + filepath.Join(dir, configurationFile)
	}
	return "stepup " + command + " FOLDER"
}
