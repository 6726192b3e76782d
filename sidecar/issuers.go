package sidecar

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"stepup/sidecar/config"
	"stepup/sidecar/policy"
	"stepup/sidecar/telemetry"
	"stepup/sidecar/token"
	"stepup/sidecar/token/devissuer"
	"stepup/sidecar/token/jwks"
)

// Issuers are those whose tokens are accepted, with their keys.
type Issuers []issuer

type issuer struct {
	token.Issuer
	set *jwks.Set // nil: the development issuer, whose key is at hand
}

func newIssuers(o Options, metrics *telemetry.Instruments) (Issuers, error) {
	var all Issuers
	for n, c := range o.Config.Issuers {
		one, err := newIssuer(c, o, metrics)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d] (%s): %w", n, c.Issuer, err)
		}
		all = append(all, one)
	}
	if !o.Dev {
		return all, nil
	}
	dev, err := newDevelopmentIssuer(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("development issuer: %w", err)
	}
	return append(all, dev), nil
}

func newIssuer(c config.Issuer, o Options, metrics *telemetry.Instruments) (issuer, error) {
	set, err := jwks.New(jwks.Config{
		Issuer: c.Issuer, JWKSURI: c.JWKSURI, JWKSFile: c.JWKSFile, CAFile: c.CAFile,
		Now: o.Now, Logger: o.Logger,
		Observe: func(f jwks.Fetch) { metrics.KeysFetched(f.Issuer, f.Keys, f.Err) },
	})
	if err != nil {
		return issuer{}, err
	}
	return issuer{set: set, Issuer: token.Issuer{
		URL: c.Issuer, Audiences: c.Audiences, Clients: c.Clients,
		Vocabulary: c.Vocabulary, Claims: c.Claims, Levels: c.Levels, MaxLevel: c.MaxLevel,
		Algorithms: c.Algorithms, Typ: c.Typ, Keys: set,
	}}, nil
}

func newDevelopmentIssuer(dir string) (issuer, error) {
	dev, err := OpenDevelopmentIssuer(dir)
	if err != nil {
		return issuer{}, err
	}
	return issuer{Issuer: dev.Configuration()}, nil
}

// OpenDevelopmentIssuer opens the development issuer in a folder; empty: its default.
func OpenDevelopmentIssuer(dir string) (*devissuer.Issuer, error) {
	if dir == "" {
		var err error
		if dir, err = devissuer.StateFolder(); err != nil {
			return nil, err
		}
	}
	return devissuer.Open(dir)
}

// Run fetches keys and keeps them fresh until the context ends.
func (i Issuers) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, one := range i {
		if one.set != nil {
			running.Go(func() { one.set.Run(ctx) })
		}
	}
	running.Wait()
}

func (i Issuers) verified() []token.Issuer {
	list := make([]token.Issuer, len(i))
	for n, one := range i {
		list[n] = one.Issuer
	}
	return list
}

// urls names the issuers, in the order of the configuration.
func (i Issuers) urls() []string {
	list := make([]string, len(i))
	for n, one := range i {
		list[n] = one.URL
	}
	return list
}

func (i Issuers) uses() []policy.Use {
	list := make([]policy.Use, len(i))
	for n, one := range i {
		list[n] = policy.Use{Issuer: one.URL, Vocabulary: one.Vocabulary, Levels: one.Levels, MaxLevel: one.MaxLevel, Claims: one.Claims}
	}
	return list
}

// usable counts the issuers whose tokens can be verified now.
func (i Issuers) usable() int {
	n := 0
	for _, one := range i {
		if one.status().Usable {
			n++
		}
	}
	return n
}

func (i issuer) status() jwks.Status {
	if i.set == nil {
		return jwks.Status{Usable: true, Keys: 1}
	}
	return i.set.Status()
}

// tellIssuers logs what a person should know at start.
func tellIssuers(log *slog.Logger, issuers Issuers) {
	for _, one := range issuers {
		if one.set == nil {
			log.Warn("DEVELOPMENT: tokens of the development issuer are accepted; anyone with its key can be anyone", "issuer", one.URL)
		}
	}
	if len(issuers) == 0 {
		log.Warn("no issuer is configured: every token is refused", "try", "an entry of issuers, or serve --dev")
	}
}

// issuerNames are the names that metrics may show.
func issuerNames(o Options) []string {
	var names []string
	for _, c := range o.Config.Issuers {
		names = append(names, c.Issuer)
	}
	if o.Dev {
		names = append(names, devissuer.URL)
	}
	return names
}
