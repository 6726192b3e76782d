package sidecar

import (
	"fmt"

	"stepup/sidecar/config"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol/forwardauth"
)

// A gateway is the door of a proxy with its name.
type gateway struct {
	name string
	path string
	door *forwardauth.Door // nil: off
}

// newSignIn returns what sends the browsers of one door to sign in; nil where nobody is sent.
func newSignIn(name string, g config.Gateway) (*navigation.SignIn, error) {
	signIn, err := navigation.New(navigation.Config{Origin: g.Origin, LoginURL: g.LoginURL, ReturnTo: g.ReturnTo})
	if err != nil {
		return nil, fmt.Errorf("gateways.%s: %w", name, err)
	}
	return signIn, nil
}

// gateways returns the doors of all proxies, those that are off too.
func (c *Core) gateways(routes *httpreq.Routes) ([]gateway, error) {
	o := c.options
	configured := o.Config.Gateways.ByName()
	var doors []gateway
	for _, proxy := range forwardauth.Proxies() {
		peers, err := configured[proxy.Name].Prefixes()
		if err != nil {
			return nil, fmt.Errorf("gateways.%s.peers: %w", proxy.Name, err)
		}
		if len(configured[proxy.Name].Peers) == 0 {
			doors = append(doors, gateway{name: proxy.Name, path: proxy.Prefix()})
			continue
		}
		signIn, err := newSignIn(proxy.Name, configured[proxy.Name])
		if err != nil {
			return nil, err
		}
		doors = append(doors, gateway{proxy.Name, proxy.Prefix(), forwardauth.New(proxy, forwardauth.Config{
			Decider: c.Decider, Peers: peers, BySocket: configured[proxy.Name].BySocket(), Routes: routes, SignIn: signIn,
			Allow: o.Config.Headers.Allow, Forward: o.Config.Headers.Forward, Known: c.questions.proxies, Logger: o.Logger,
		})})
	}
	return doors, nil
}
