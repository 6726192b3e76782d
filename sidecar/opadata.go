package sidecar

import "stepup/sidecar/protocol/opadata"

// dataDoor returns the door for clients of the Open Policy Agent.
func (c *Core) dataDoor() *opadata.Door {
	o := c.options
	return opadata.New(opadata.Config{
		Decider: c.Decider, Package: o.Config.Policy.Package, Health: c.dataHealth,
		Body: int64(o.Config.Limits.Body), Forward: o.Config.Headers.Forward, Version: o.Version, Logger: o.Logger,
	})
}

// dataHealth tells how the policies do. There are no plugins that could be unwell: a newer
// policy that is refused leaves the active one as it is.
func (c *Core) dataHealth() opadata.Health {
	active := c.Policies.Status().Revision != ""
	return opadata.Health{Active: active, Activated: active}
}
