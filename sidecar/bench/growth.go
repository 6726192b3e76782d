package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/config"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/forwardauth"
)

// A growth is one thing of which there may be more and more. Its cost is measured in this
// process: it is that of the sidecar alone, and small differences are seen.
type growth struct {
	what  string
	sizes []int
	// make writes what a sidecar needs into a folder.
	make func(w *world, size int) (grown, error)
}

// grown is one size of it.
type grown struct {
	dir        string
	started    time.Duration
	issuers    string // YAML
	policy     files
	table      string // of routes; empty: none
	token      string
	open, shut string // the resources that the token opens, and that want a step-up
}

type files map[string]string

// A cost is what was measured of one size.
type cost struct {
	What       string
	Size       int
	Start      time.Duration // to assemble the sidecar
	Kept       op            // an answer that is kept
	Gateway    op            // the same, through the door of a proxy
	New, Asked op            // an allow and a step-up for a token that was not seen before
}

type op struct{ Nanoseconds, Allocations float64 }

func growths() []growth {
	return []growth{
		{"routes", []int{10, 100, 1000, 10_000}, moreRoutes},
		{"rules", []int{1, 10, 100, 1000}, moreRules},
		{"issuers", []int{1, 10, 100}, moreIssuers},
		{"KiB of claims", []int{1, 4, 16, 64}, moreClaims},
		{"levels", []int{3, 5, 10}, moreLevels},
	}
}

// grow measures every growth, at so many of its sizes and so long at each.
func grow(ctx context.Context, w *world, sizes int, each time.Duration) ([]cost, error) {
	var costs []cost
	for _, g := range growths() {
		for _, size := range g.sizes[:min(sizes, len(g.sizes))] {
			c, err := g.cost(ctx, w, size, each)
			if err != nil {
				return nil, fmt.Errorf("%d %s: %w", size, g.what, err)
			}
			costs = append(costs, c)
		}
	}
	return costs, nil
}

func (g growth) cost(ctx context.Context, w *world, size int, each time.Duration) (cost, error) {
	of, asked, err := g.sized(ctx, w, size)
	if err != nil {
		return cost{}, err
	}
	c := cost{What: g.what, Size: size, Start: of.started}
	for i, into := range []*op{&c.Kept, &c.Gateway, &c.New, &c.Asked} {
		if *into, err = repeat(each, asked[i].do); err != nil {
			return cost{}, err
		}
	}
	return c, nil
}

// sized makes one size, and what is asked about it, in the order of [cost].
func (g growth) sized(ctx context.Context, w *world, size int) (grown, []asked, error) {
	dir, err := os.MkdirTemp(w.dir, "grown")
	if err != nil {
		return grown{}, nil, err
	}
	of, err := g.make(w, size)
	if err != nil {
		return of, nil, err
	}
	of.dir = dir
	began := time.Now()
	keeping, err := of.core(ctx, dir, "64MiB")
	if err != nil {
		return of, nil, err
	}
	of.started = time.Since(began)
	fresh, err := of.core(ctx, dir, "0")
	if err != nil {
		return of, nil, err
	}
	return of, []asked{
		{"kept", of.asks(ctx, keeping, of.open, access.Allow)},
		{"gateway", of.passes(keeping)},
		{"new", of.asks(ctx, fresh, of.open, access.Allow)},
		{"step-up", of.asks(ctx, fresh, of.shut, access.StepUp)},
	}, nil
}

// asked is one kind of question, which is an error where the answer is not the right one.
type asked struct {
	name string
	do   func() error
}

// core assembles the sidecar, as stepup serve does.
func (g grown) core(ctx context.Context, dir, memory string) (*sidecar.Core, error) {
	text := fmt.Sprintf("policy: {path: %s, package: bench, deadline: 30s}\nlimits: {token: 256KiB}\nanswers: {memory: %s}\nissuers:\n%s",
		filepath.Join(dir, "policy"), memory, g.issuers)
	if err := g.policy.write(filepath.Join(dir, "policy")); err != nil {
		return nil, err
	}
	if err := (files{"stepup.yaml": text}).write(dir); err != nil {
		return nil, err
	}
	c, _, err := config.Load(config.Options{File: filepath.Join(dir, "stepup.yaml")})
	if err != nil {
		return nil, err
	}
	core, err := sidecar.NewCore(ctx, sidecar.Options{Config: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	// The keys are in files: they are there at once.
	fetching, enough := context.WithCancel(ctx)
	enough()
	core.Issuers.Run(fetching)
	return core, nil
}

func (g grown) asks(ctx context.Context, core *sidecar.Core, resource string, want access.Outcome) func() error {
	question := access.Request{
		Credential: access.NewCredential(g.token), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: resource},
	}
	return func() error {
		if got := core.Decider.Decide(ctx, question); got.Outcome != want {
			return fmt.Errorf("%s: %v %q, want %v", resource, got.Outcome, got.Reasons, want)
		}
		return nil
	}
}

// passes asks through the door of nginx, with the table of routes if there is one.
func (g grown) passes(core *sidecar.Core) func() error {
	var routes *httpreq.Routes
	if g.table != "" {
		var err error
		if routes, err = httpreq.ReadTable("routes.yaml", []byte(g.table), true); err != nil {
			return func() error { return err }
		}
	}
	peers, _ := config.Gateway{Peers: []string{"192.0.2.1"}}.Prefixes() // httptest's
	door := forwardauth.New(forwardauth.Proxies()[0], forwardauth.Config{Decider: core.Decider, Routes: routes, Peers: peers})
	e := protocol.NewEcho(protocol.Config{Logger: slog.New(slog.DiscardHandler)})
	protocol.MountProxied(e, "nginx", door.Routes()...)
	r := httptest.NewRequest(http.MethodGet, "/gw/nginx", nil)
	for name, value := range map[string]string{
		"X-Original-Method": "GET", "X-Original-Uri": strings.NewReplacer("{", "", "}", "").Replace(g.open), "X-Forwarded-Host": "intranet.example",
		"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer " + g.token,
	} {
		r.Header.Set(name, value)
	}
	return func() error {
		answer := httptest.NewRecorder()
		if e.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			return fmt.Errorf("%s through nginx: %d %s", g.open, answer.Code, answer.Body)
		}
		return nil
	}
}

// repeat does something at least twice and for so long, after once for what is kept.
func repeat(each time.Duration, do func() error) (op, error) {
	if err := do(); err != nil {
		return op{}, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, n := time.Now(), 0
	for ; n < 2 || time.Since(began) < each; n++ {
		if err := do(); err != nil {
			return op{}, err
		}
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return op{float64(took.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}, nil
}

// plain is what nothing has grown of yet.
func plain(w *world) (grown, error) {
	text, err := w.token(jose.ES256, 0)
	return grown{
		issuers: w.issuer(issuerURL, "oidc"),
		policy:  files{"p.rego": ours, "data.json": dataOf(map[string]string{"/r0": "normal", "/r4": "mfa"})},
		token:   text, open: "/r0", shut: "/r4",
	}, err
}

func moreRoutes(w *world, size int) (grown, error) {
	g, err := plain(w)
	levels := map[string]string{}
	table := []string{"routes:"}
	for n := range size {
		path := fmt.Sprintf("/service%d/{tenant}/items", n)
		levels[path] = "normal"
		if n%5 == 4 {
			levels[path] = "mfa"
		}
		table = append(table, "  - GET "+path)
	}
	g.policy["data.json"], g.table = dataOf(levels), strings.Join(table, "\n")
	g.open, g.shut = "/service0/{tenant}/items", "/service4/{tenant}/items"
	return g, err
}

func moreRules(w *world, size int) (grown, error) {
	g, err := plain(w)
	var text strings.Builder
	text.WriteString("package bench\n\ndefault allow := false\n")
	for n := range size {
		fmt.Fprintf(&text, "\nallow if {\n\tinput.resource.id == \"/r%d\"\n\t\"read\" in input.token.scopes\n\t\"normal\" in input.assurance.levels\n\tinput.assurance.age <= 3600\n}\n", n)
	}
	text.WriteString("\nallow if {\n\tinput.resource.id == \"/shut\"\n\t\"mfa\" in input.assurance.levels\n\tinput.assurance.age <= 600\n}\n")
	g.policy, g.shut = files{"p.rego": text.String()}, "/shut"
	return g, err
}

func moreIssuers(w *world, size int) (grown, error) {
	g, err := plain(w)
	for n := range size - 1 {
		g.issuers = w.issuer(fmt.Sprintf("https://idp%d.example/", n), "oidc") + g.issuers
	}
	return g, err
}

func moreClaims(w *world, size int) (grown, error) {
	g, err := plain(w)
	if err != nil {
		return g, err
	}
	var groups []string
	for n := range size * 1024 / 32 { // each 32 bytes with its quotes and its comma
		groups = append(groups, fmt.Sprintf("/fabrikam/staff/group-%013d", n))
	}
	claims := w.claims(0)
	claims["groups"] = groups
	g.token, err = w.sign(jose.ES256, claims)
	return g, err
}

func moreLevels(w *world, size int) (grown, error) {
	g, err := plain(w)
	if err != nil {
		return g, err
	}
	levels, words := object{}, object{}
	var logins []object
	for n := range size {
		name := fmt.Sprint("level", n)
		levels[name] = object{}
		if n > 0 {
			levels[name] = object{"implies": []string{fmt.Sprint("level", n-1)}}
		}
		words[name] = name
		logins = append(logins, object{"level": name, "claims": []object{{"acr": name}}, "request": object{"scope": "openid", "acr_values": name}})
	}
	vocabulary, err := json.Marshal(object{"grown": object{
		"claims": object{"acr": words}, "kinds": object{"acr": "string"}, "words": "acr", "methods": []string{"amr"},
		"auth_time": []string{"auth_time"}, "absent": "none", "logins": logins,
	}})
	if err != nil {
		return g, err
	}
	order, err := json.Marshal(levels)
	if err != nil {
		return g, err
	}
	claims := w.claims(0)
	claims["acr"] = "level0"
	g.policy["stepup/vocabularies/data.json"], g.policy["stepup/levels/data.json"] = string(vocabulary), string(order)
	g.policy["data.json"] = dataOf(map[string]string{"/r0": "level0", "/r4": fmt.Sprint("level", size-1)})
	g.issuers = w.issuer(issuerURL, "grown")
	g.token, err = w.sign(jose.ES256, claims)
	return g, err
}

func dataOf(levels map[string]string) string { return asJSON(object{"routes": tableOf(levels)}) }

// tableOf says in the policy's data which level each route needs.
func tableOf(levels map[string]string) object {
	table := object{}
	for route, level := range levels {
		table[route] = object{"scope": "read", "level": level}
	}
	return table
}

func (f files) write(dir string) error {
	for name, text := range f {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
