package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Options say where a configuration comes from. The zero Options are the defaults alone:
// no file, no environment, no flags.
type Options struct {
	File     string                            // name of the YAML file; empty: none
	Environ  []string                          // "NAME=value", as os.Environ gives them
	Flags    map[string]string                 // a key's path to its value's text
	ReadFile func(name string) ([]byte, error) // nil: os.ReadFile
}

// Load reads file, environment and flags, the later overriding the earlier, key by key: a
// list or a map is replaced as a whole. It returns the checked configuration and warnings
// for the log, or an *[Error] with everything that is wrong; the warnings hold in both
// cases.
func Load(o Options) (*Config, []string, error) {
	l := newLoader(o)
	keys, root := Keys(), reflect.ValueOf(l.config).Elem()
	// 1. Defaults, so that what nobody wrote is complete.
	l.defaults(keys, root, "")
	// 2. The file.
	l.file(keys, root, o.File)
	// 3. The environment.
	l.environment(o.Environ)
	// 4. Flags.
	l.flags(o.Flags)
	// 5. What the values mean together.
	l.check()
	if err := l.err(); err != nil {
		return nil, l.warnings, err
	}
	l.config.Origins = l.origins
	return l.config, l.warnings, nil
}

// A loader is one run of Load.
type loader struct {
	faults
	config   *Config
	origins  map[string]Origin
	warnings []string
	typo     map[string]bool // sections, as prefixes of paths, that are no map or have an unknown key
	readFile func(string) ([]byte, error)
	environ  []string
}

// newLoader makes a loader with nothing read.
func newLoader(o Options) *loader {
	l := &loader{
		config:   &Config{},
		origins:  map[string]Origin{},
		typo:     map[string]bool{},
		readFile: o.ReadFile,
		environ:  o.Environ,
	}
	if l.readFile == nil {
		l.readFile = os.ReadFile
	}
	return l
}

// trial is a loader whose findings are thrown away.
func (l *loader) trial() *loader { return newLoader(Options{ReadFile: l.readFile}) }

// defaults sets every key below prefix to its default.
func (l *loader) defaults(keys []*Key, v reflect.Value, prefix string) {
	for _, k := range keys {
		l.reset(k, v.Field(k.field), prefix+k.Name, Origin{})
	}
}

// reset sets a key to its default, because of what was written at the origin.
func (l *loader) reset(k *Key, v reflect.Value, path string, at Origin) {
	if k.Kind == Section {
		l.defaults(k.Keys, v, path+".")
		return
	}
	l.origins[path] = at
	v.Set(k.fresh(v.Type()))
}

// file reads the configuration file, if there is one.
func (l *loader) file(keys []*Key, root reflect.Value, name string) {
	if name == "" {
		return
	}
	at := Origin{Source: File, Name: name}
	text, err := l.readFile(name)
	if err != nil {
		l.add("", at, "cannot be read: "+reason(err), "")
		return
	}
	l.section(keys, l.parse(text, "", at), root, "", at)
}

// reason is an error of the file system without the name, which stands before it already.
func reason(err error) string {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// flags sets the keys that flags name.
func (l *loader) flags(flags map[string]string) {
	keys := settable(func(k *Key) string {
		if k.Flag == "" {
			return ""
		}
		return k.Path
	})
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		k, ok := keys[path]
		if !ok {
			l.add(path, Origin{Source: Flag, Name: path}, "no flag sets this", "the nearest key is "+nearest(path, slices.Collect(maps.Keys(keys))))
			continue
		}
		l.set(k, flags[path], Origin{Source: Flag, Name: "--" + k.Flag})
	}
}

// set gives a key the text of a variable or a flag: a word as it stands, a list or a map
// as YAML.
func (l *loader) set(k *Key, text string, at Origin) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tags(k.Kind)[0], Value: text}
	if !k.scalar() {
		n = l.parse([]byte(text), k.Path, at)
	}
	l.value(k, n, l.field(k), k.Path, at)
}

// field finds where a key that stands below no list is kept.
func (l *loader) field(k *Key) reflect.Value {
	keys, v := Keys(), reflect.ValueOf(l.config).Elem()
	for name := range strings.SplitSeq(k.Path, ".") {
		i := slices.IndexFunc(keys, func(k *Key) bool { return k.Name == name })
		keys, v = keys[i].Keys, v.Field(keys[i].field)
	}
	return v
}

// environmentFileSuffix ends the variables that name a file to read the value from.
const environmentFileSuffix = "_FILE"

// environment sets the keys that variables name, and warns of names that nobody knows.
func (l *loader) environment(environ []string) {
	keys := settable(func(k *Key) string { return k.Env })
	vars := variables(environ)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		at := Origin{Source: Environment, Name: name}
		if k, ok := keys[name]; ok {
			l.set(k, vars[name], at)
			continue
		}
		base, isFile := strings.CutSuffix(name, environmentFileSuffix)
		k, ok := keys[base]
		switch {
		case !isFile || !ok:
			l.warn(name, slices.Collect(maps.Keys(keys)))
		case has(vars, base):
			l.add(k.Path, at, fmt.Sprintf("%s and %s are both set", base, name), "unset one")
		default:
			l.setFromFile(k, vars[name], at)
		}
	}
}

// variables returns the variables that are meant for us, by name. Of a name given twice
// the last counts, as it does for a process.
func variables(environ []string) map[string]string {
	vars := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, environmentPrefix) && !fromKubernetes(name) {
			vars[name] = value
		}
	}
	return vars
}

// Variables are the names of those variables that configure the program, sorted: those that a
// key has and that are set to something.
func Variables(environ []string) []string {
	keys := settable(func(k *Key) string { return k.Env })
	vars := variables(environ)
	maps.DeleteFunc(vars, func(name, value string) bool {
		return value == "" || keys[strings.TrimSuffix(name, environmentFileSuffix)] == nil
	})
	return slices.Sorted(maps.Keys(vars))
}

// fromKubernetes reports whether Kubernetes sets a variable of that name in every pod
// beside a service called stepup.
func fromKubernetes(name string) bool {
	return strings.HasPrefix(name, environmentPrefix+"PORT") || strings.HasPrefix(name, environmentPrefix+"SERVICE_")
}

// has reports whether a variable is set, be it to nothing.
func has(vars map[string]string, name string) bool {
	_, ok := vars[name]
	return ok
}

// warn tells of a variable that looks like ours and sets nothing, with the name that was probably
// meant: one that is spelt nearly so, or that goes on where this one ends.
func (l *loader) warn(name string, known []string) {
	text := fmt.Sprintf("environment %s: unknown name, ignored", onOneLine(name))
	base := strings.TrimSuffix(name, environmentFileSuffix)
	far := max(2, (len(base)-len(environmentPrefix))/3)
	if best := nearest(base, known); distance(base, best) <= far || strings.HasPrefix(best, base+"_") {
		text += "; the nearest is " + best
	}
	l.warnings = append(l.warnings, text)
}

// setFromFile gives a key the content of a file that a variable names. The newline that
// editors end a file with is no part of a word.
func (l *loader) setFromFile(k *Key, name string, at Origin) {
	text, err := l.readFile(name)
	if err != nil {
		l.add(k.Path, at, fmt.Sprintf("%q cannot be read: %s", name, reason(err)), "")
		return
	}
	if k.scalar() {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	}
	l.set(k, string(text), at)
}
