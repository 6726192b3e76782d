package sidecar

import (
	"net/url"

	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol/opadata"
)

// dataDoor returns the door for clients of the Open Policy Agent. Its /health is the one of
// the listener for probes.
func (c *Core) dataDoor(routes *httpreq.Routes) *opadata.Door {
	return opadata.New(c.dataConfig(routes))
}

// adminDoor is the same door for administrators: it answers explain.
func (c *Core) adminDoor(routes *httpreq.Routes) *opadata.Door {
	config := c.dataConfig(routes)
	config.Explainer = explainer{c.Decider, severalDeadlines * c.options.Config.Policy.Deadline}
	return opadata.New(config)
}

func (c *Core) dataConfig(routes *httpreq.Routes) opadata.Config {
	o := c.options
	return opadata.Config{
		Decider: c.Decider, Package: o.Config.Policy.Package, Routes: routes,
		Documents: o.Config.Policy.Documents, Valuer: c.Decider, HealthOf: c.HealthOf,
		Health: func(query url.Values) error { return OPAHealth(c.Fleet, query) },
		Body:   int64(o.Config.Limits.Body), Forward: o.Config.Headers.Forward, Version: o.Version, Logger: o.Logger,
	}
}
