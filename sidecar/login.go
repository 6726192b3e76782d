package sidecar

import (
	"context"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/policy"
	"stepup/sidecar/protocol/login"
)

// A LoginRule asks the login rule of the active policies. It is safe for concurrent use.
// It implements [stepup/sidecar/protocol.LoginRule].
type LoginRule struct {
	policies *policy.Policies
	now      func() time.Time
	skew     time.Duration
	deadline time.Duration
}

// LoginRule returns the login rule, for the login door and for providers in this program.
func (c *Core) LoginRule() *LoginRule {
	o := c.options
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &LoginRule{c.Policies, now, o.Config.ClockSkew, o.Config.Policy.Deadline}
}

// Login adds the moment to a document and asks the rule about it, within the deadline that
// decisions have.
func (l *LoginRule) Login(ctx context.Context, doc access.Object) (access.LoginAnswer, error) {
	snapshot := l.policies.Current()
	if snapshot == nil {
		return access.LoginAnswer{}, &access.Fault{Code: access.NotReady}
	}
	ctx, cancel := context.WithTimeout(ctx, l.deadline)
	defer cancel()
	return snapshot.Login(ctx, access.Object{
		"authorization_request": doc["authorization_request"],
		"user":                  doc["user"],
		"session":               doc["session"],
		"client":                doc["client"],
		"now":                   l.now().Unix(),
		"clock_skew":            int64(l.skew / time.Second),
	})
}

// loginDoor returns the door of the login rule.
func (c *Core) loginDoor() *login.Door {
	return login.New(login.Config{Rule: c.LoginRule(), Body: int64(c.options.Config.Limits.Body), Logger: c.options.Logger})
}
