package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ByName returns the doors of proxies by their names.
func (g Gateways) ByName() map[string]Gateway {
	return map[string]Gateway{"nginx": g.Nginx, "traefik": g.Traefik, "caddy": g.Caddy, "haproxy": g.HAProxy, "envoy": g.Envoy}
}

// Prefixes returns the peers as networks. After [Load] there is no error.
func (g Gateway) Prefixes() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range g.Peers {
		prefix, err := parsePeer(text)
		if err != nil {
			return nil, err
		}
		list = append(list, prefix)
	}
	return list, nil
}

// parsePeer reads an address or a network. A network is written by its own address: in
// 10.1.2.3/16 either half may be the mistake.
func parsePeer(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, errors.New("neither an IP address nor a network")
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return netip.Prefix{}, errors.New("neither an IP address nor a network")
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("no network: its address is %s", prefix.Masked())
	case prefix.Bits() == 0:
		return netip.Prefix{}, errors.New("everybody: any client could tell which request it asks about")
	}
	return prefix, nil
}

// checkGateways checks the peers of every door.
func (l *loader) checkGateways(g Gateways) {
	for name, gateway := range g.ByName() {
		path := "gateways." + name + ".peers"
		l.filled(path, gateway.Peers)
		for i, peer := range gateway.Peers {
			if _, err := parsePeer(peer); err != nil {
				l.refuse(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is %v", peer, err), "write the proxy's address as the sidecar sees it, such as 127.0.0.1 or 10.1.0.0/16")
			}
		}
	}
}

// checkRoutes wants one source of routes, and one where the rest is refused.
func (l *loader) checkRoutes(r Routes) {
	switch {
	case r.Table != "" && r.OpenAPI != "":
		l.refuse("routes.openapi", "given beside routes.table", "keep one: which of them lists a request would be a guess")
	case r.Unlisted == "deny" && r.Table == "" && r.OpenAPI == "":
		l.refuse("routes.unlisted", "nothing lists any request", "name a file in routes.table or routes.openapi")
	}
}
