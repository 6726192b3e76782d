package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/bundle"
	"github.com/open-policy-agent/opa/v1/plugins/discovery"
)

// The kinds of error of a bundle.
const (
	ErrorDownload   = "download"   // it could not be fetched, read or verified
	ErrorHTTP       = "http"       // its server answered with an error
	ErrorActivation = "activation" // it was refused
)

// A Bundle is what can be told of one without telling anything in it.
type Bundle struct {
	Name string
	// Active is true once its content was activated, whatever came later.
	Active bool
	// Revision is what its manifest says; it may say nothing.
	Revision string
	// ActivatedAt is when it was activated last; zero if it was from disk, and not since.
	ActivatedAt time.Time
	// Error is the kind of error of the last attempt; empty: none. The log says more.
	Error string
}

// Bundles tells of all configured bundles, sorted by name; nil if none is.
func (f *Fleet) Bundles() []Bundle {
	if f == nil {
		return nil
	}
	committed := f.store.committed()
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Bundle
	for _, name := range f.configured() {
		status := f.statuses[name]
		revision, active := committed[name]
		all = append(all, Bundle{
			Name: name, Active: active, Revision: revision,
			ActivatedAt: status.LastSuccessfulActivation, Error: kindOf(status),
		})
	}
	return all
}

// NotActivated lists the configured bundles that never were activated, and discovery as
// long as it did not tell which there are.
func (f *Fleet) NotActivated() []string {
	var names []string
	if state, ok := f.Plugins()[discovery.Name]; ok && state != plugins.StateOK {
		names = append(names, discovery.Name)
	}
	for _, b := range f.Bundles() {
		if !b.Active {
			names = append(names, b.Name)
		}
	}
	return names
}

// Plugins tells the state of OPA's plugins by name, in OPA's words. A plugin that has
// none is left out, as it is by OPA.
func (f *Fleet) Plugins() map[string]plugins.State {
	if f == nil {
		return nil
	}
	states := map[string]plugins.State{}
	for name, s := range f.manager.PluginStatus() {
		if s != nil {
			states[name] = s.State
		}
	}
	return states
}

// listen hears of bundles, if there is a plugin for them.
func (f *Fleet) listen() {
	if p := bundle.Lookup(f.manager); p != nil {
		p.RegisterBulkListener("stepup", f.hear)
	}
}

// hear is called by the plugin after each attempt at one of the bundles.
func (f *Fleet) hear(all map[string]*bundle.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, status := range all {
		was := f.statuses[name]
		f.statuses[name] = *status
		if f.config.Observe != nil && !was.LastRequest.Equal(status.LastRequest) {
			f.config.Observe(name, kindOf(*status))
		}
	}
	if f.config.Policies != nil {
		f.config.Policies.Note(refusal(all))
	}
}

// refusal is why the first of the bundles that are refused is; nil: none is.
func refusal(all map[string]*bundle.Status) error {
	for _, name := range sortedKeys(all) {
		if kindOf(*all[name]) == ErrorActivation {
			return fmt.Errorf("bundle %s: %s", name, strings.Join(append([]string{all[name].Message}, texts(all[name].Errors)...), ": "))
		}
	}
	return nil
}

func texts(list []error) []string {
	all := make([]string, len(list))
	for i, err := range list {
		all[i] = err.Error()
	}
	return all
}

// kindOf tells the kind of a status' error. What was downloaded by the last request and
// is an error all the same was refused.
func kindOf(s bundle.Status) string {
	switch {
	case s.Code == "":
		return ""
	case s.HTTPCode != "":
		return ErrorHTTP
	case !s.LastRequest.IsZero() && s.LastSuccessfulDownload.Equal(s.LastRequest):
		return ErrorActivation
	}
	return ErrorDownload
}
