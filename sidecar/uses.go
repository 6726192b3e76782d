package sidecar

import (
	"context"
	"fmt"
	"slices"

	"stepup/sidecar/config"
	"stepup/sidecar/policy"
)

// CheckIssuers says what of its issuers' configuration their vocabularies do not allow, such as
// the name of one that there is not. It reads the data of policy.path and compiles nothing; what
// cannot be told so is left to the load. The error is a [config.Error].
func CheckIssuers(ctx context.Context, c *config.Config) error {
	if c.Policy.Fetched() {
		return nil
	}
	if _, err := SoundUses(ctx, c, c.Policy.Path); err != nil {
		return err
	}
	return nil
}

// SoundUses are the uses of vocabularies that a policy at a path allows; the error tells all
// others and is nil without any.
func SoundUses(ctx context.Context, c *config.Config, path string) ([]policy.Use, *config.Error) {
	uses := UsesOf(c)
	list := policy.Misuses(ctx, policy.Config{Path: path, MayRedefine: c.Policy.MayRedefine, Issuers: uses})
	if len(list) == 0 {
		return uses, nil
	}
	sound := slices.DeleteFunc(uses, func(u policy.Use) bool {
		return slices.ContainsFunc(list, func(e *policy.UseError) bool { return e.Issuer == u.Issuer })
	})
	return sound, problems(list, c)
}

// UsesOf are the uses that the issuers of a configuration make of vocabularies.
func UsesOf(c *config.Config) []policy.Use {
	list := make([]policy.Use, len(c.Issuers))
	for n, i := range c.Issuers {
		list[n] = policy.Use{Issuer: i.Issuer, Vocabulary: i.Vocabulary, Levels: i.Levels, MaxLevel: i.MaxLevel, Claims: i.Claims}
	}
	return list
}

// misusedIn tells the misuses that a load finds as problems of a configuration, at its start and
// later; nil: it is not known where the issuers were written.
func misusedIn(c *config.Config) func(policy.UseErrors) error {
	if c.Origin("issuers").Source == config.Default {
		return nil
	}
	return func(list policy.UseErrors) error { return problems(list, c) }
}

// Configured says how a key of an issuer is named in a configuration, and where it stands.
func Configured(c *config.Config) func(issuer, key string) (path, file string, line int) {
	return func(issuer, key string) (string, string, int) {
		path := pathOf(c, issuer, key)
		origin := c.Origin(path)
		return path, origin.Name, origin.Line
	}
}

func pathOf(c *config.Config, issuer, key string) string {
	if n := slices.IndexFunc(c.Issuers, func(i config.Issuer) bool { return i.Issuer == issuer }); n >= 0 {
		return fmt.Sprintf("issuers[%d].%s", n, key)
	}
	return key
}

func problems(list policy.UseErrors, c *config.Config) *config.Error {
	told := &config.Error{}
	for _, one := range list {
		path := pathOf(c, one.Issuer, one.Key)
		told.Problems = append(told.Problems, config.Problem{Path: path, Origin: c.Origin(path), What: one.What})
	}
	return told
}
