package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Kind is the shape of a key's value.
type Kind string

// The kinds of value, in the words of errors and of docs/configuration.md.
const (
	Section  Kind = "section"
	Sections Kind = "list of sections"
	Texts    Kind = "list of text"
	TextMap  Kind = "map from text to text"
	FreeMap  Kind = "map"
	Text     Kind = "text"
	Boolean  Kind = "true or false"
	Number   Kind = "whole number"
	Bytes    Kind = "size, such as 16KiB"
	Duration Kind = "duration, such as 100ms or 30s"
	Listen   Kind = "host:port or unix:///path"
	UnixUser Kind = "number of a user"
)

// A Key is one entry of the table of keys: what a field of [Config] tells about itself.
type Key struct {
	Path    string   // "policy.may_redefine"; below a list, "issuers[].audiences"
	Name    string   // its last part
	Kind    Kind     // what its value is
	Default string   // as YAML text; empty text is an empty value
	Min     string   // the least value; empty: no bound
	Max     string   // the greatest value; empty: no bound
	One     []string // the words it may be; empty: any
	Help    string   // what it does
	Env     string   // the environment's name for it; empty for sections and below lists
	Flag    string   // the flag's name for it, without dashes; empty as Env
	Later   bool     // its feature is not built yet
	Secret  bool     // its value is never shown
	Expand  bool     // ${NAME} in it stands for a variable of the environment
	OPA     bool     // its members are OPA's configuration
	Keys    []*Key   // the keys of a section, or of each section of a list

	field int // index in the parent's struct
}

// environmentPrefix begins every variable of ours.
const environmentPrefix = "STEPUP_"

// Keys returns the table of keys as a tree, in the order of [Config]. It is made once, and
// to be read only.
func Keys() []*Key { return table() }

var table = sync.OnceValue(func() []*Key { return keysOf(reflect.TypeFor[Config](), nil) })

// keysOf returns the keys of a struct type below parent (nil: the root).
func keysOf(t reflect.Type, parent *Key) []*Key {
	defaults := parent.defaults()
	var keys []*Key
	for i := range t.NumField() {
		field := t.Field(i)
		if name := field.Tag.Get("yaml"); name != "-" {
			keys = append(keys, newKey(field, i, parent, defaults))
		}
	}
	return keys
}

// defaults are what a section's own tag says about the keys in it.
func (k *Key) defaults() map[string]string {
	defaults := map[string]string{}
	if k != nil {
		if err := yaml.Unmarshal([]byte(k.Default), &defaults); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", k.Path, err))
		}
	}
	return defaults
}

// fresh makes the key's default as a value of type t. An empty list or map is never nil.
func (k *Key) fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if t.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(t))
	}
	if t.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(t, 0, 0))
	}
	if k.Default == "" {
		return v
	}
	read := func() error { return yaml.Unmarshal([]byte(k.Default), v.Addr().Interface()) }
	if k.scalar() {
		read = func() error { return setWord(k, k.Default, v) }
	}
	if err := read(); err != nil {
		panic(fmt.Sprintf("config: default of %s: %v", k.Path, err))
	}
	return v
}

// newKey reads the tags of a field.
func newKey(field reflect.StructField, index int, parent *Key, defaults map[string]string) *Key {
	tag := field.Tag
	k := &Key{
		Name:    tag.Get("yaml"),
		Kind:    kindOf(field.Type),
		Default: tag.Get("default"),
		Min:     tag.Get("min"),
		Max:     tag.Get("max"),
		One:     strings.Fields(tag.Get("one")),
		Help:    tag.Get("help"),
		Later:   tag.Get("later") == "true",
		Secret:  tag.Get("secret") == "true",
		Expand:  tag.Get("expand") == "true",
		OPA:     tag.Get("opa") == "true",
		field:   index,
	}
	if d, ok := defaults[k.Name]; ok {
		k.Default = d
	}
	k.place(parent)
	switch k.Kind {
	case Section:
		k.Keys = keysOf(field.Type, k)
	case Sections:
		k.Keys = keysOf(field.Type.Elem(), k)
	}
	return k
}

// place gives the key its path and the names that follow from it, and what it inherits.
func (k *Key) place(parent *Key) {
	k.Path = k.Name
	if parent != nil {
		k.Path = parent.below() + k.Name
		k.Later = k.Later || parent.Later
	}
	if k.Kind == Section || strings.Contains(k.Path, "[]") {
		return
	}
	k.Env = environmentPrefix + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
	k.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(k.Path)
}

// below is what the paths of the keys below k begin with.
func (k *Key) below() string {
	if k.Kind == Sections {
		return k.Path + "[]."
	}
	return k.Path + "."
}

// kindOf is the kind of a field's type.
func kindOf(t reflect.Type) Kind {
	switch t {
	case reflect.TypeFor[Size]():
		return Bytes
	case reflect.TypeFor[Address]():
		return Listen
	case reflect.TypeFor[User]():
		return UnixUser
	case reflect.TypeFor[time.Duration]():
		return Duration
	case reflect.TypeFor[[]string]():
		return Texts
	case reflect.TypeFor[map[string]string]():
		return TextMap
	case reflect.TypeFor[map[string]any]():
		return FreeMap
	}
	switch t.Kind() {
	case reflect.Struct:
		return Section
	case reflect.Slice:
		return Sections
	case reflect.String:
		return Text
	case reflect.Bool:
		return Boolean
	case reflect.Int:
		return Number
	}
	panic(fmt.Sprintf("config: no kind for a field of type %s", t))
}

// scalar reports whether the value is one word of text, so that a variable or a flag
// gives it as it stands and not as YAML.
func (k *Key) scalar() bool {
	switch k.Kind {
	case Section, Sections, Texts, TextMap, FreeMap:
		return false
	default:
		return true
	}
}

// walk visits keys and all below them, parents first.
func walk(keys []*Key, visit func(*Key)) {
	for _, k := range keys {
		visit(k)
		walk(k.Keys, visit)
	}
}

// settable returns the keys that a variable or a flag can set, by the name that name
// gives them.
func settable(name func(*Key) string) map[string]*Key {
	byName := map[string]*Key{}
	walk(Keys(), func(k *Key) {
		if n := name(k); n != "" {
			byName[n] = k
		}
	})
	return byName
}
