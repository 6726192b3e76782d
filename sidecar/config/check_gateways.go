package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ByName returns the doors of proxies by their names.
func (g Gateways) ByName() map[string]Gateway {
	return map[string]Gateway{"nginx": g.Nginx, "traefik": g.Traefik, "caddy": g.Caddy, "haproxy": g.HAProxy, "envoy": g.Envoy}
}

// socketPeer stands for whoever opens the Unix socket that http.address is.
const socketPeer = "unix"

// BySocket reports whether the proxy asks by the Unix socket that http.address is.
func (g Gateway) BySocket() bool { return slices.Contains(g.Peers, socketPeer) }

// Prefixes returns the peers that have addresses, as networks. After [Load] there is no error.
func (g Gateway) Prefixes() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range g.Peers {
		if text == socketPeer {
			continue
		}
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

// checkGateways checks the peers of every door, and where it sends browsers.
func (l *loader) checkGateways(g Gateways) {
	for name, gateway := range g.ByName() {
		l.checkSignIn("gateways."+name, gateway)
		path := "gateways." + name + ".peers"
		l.filled(path, gateway.Peers)
		for i, peer := range gateway.Peers {
			l.checkPeer(fmt.Sprintf("%s[%d]", path, i), peer)
		}
	}
}

// checkPeer wants a peer that can ask by the listener as configured: whoever opens a Unix socket
// has no address, and whoever has an address opens none.
func (l *loader) checkPeer(path, peer string) {
	network, _ := l.config.HTTP.Address.Network()
	switch {
	case peer == socketPeer && network != "unix":
		l.refuse(path, "http.address is no Unix socket", "let it be unix:///path/to.sock, or write the proxy's address")
		return
	case peer == socketPeer:
		return
	}
	if _, err := parsePeer(peer); err != nil {
		l.refuse(path, fmt.Sprintf("%q is %v", peer, err), "write the proxy's address as the sidecar sees it, such as 127.0.0.1 or 10.1.0.0/16")
	} else if network == "unix" {
		l.refuse(path, "http.address is a Unix socket, where nobody has an address", "write unix")
	}
}

// sends reports whether a door is to send browsers anywhere.
func (g Gateway) sends() bool { return g.Origin != "" || g.LoginURL != "" || len(g.ReturnTo) > 0 }

// checkSignIn wants all that is needed to send a browser away and to have it back, on a door
// that is open.
func (l *loader) checkSignIn(path string, g Gateway) {
	l.filled(path+".return_to", g.ReturnTo)
	if !g.sends() {
		return
	}
	l.checkOrigin(path, g.Origin)
	l.checkLoginURL(path, g.LoginURL)
	if len(g.ReturnTo) == 0 {
		l.missing(path+".return_to", path, "missing, so no browser could come back", `list the paths, such as ["/employees", "/reports/*"], or ["/*"] for all`)
	}
	for i, pattern := range g.ReturnTo {
		if wrong := wrongReturn(pattern); wrong != "" {
			l.refuse(fmt.Sprintf("%s.return_to[%d]", path, i), fmt.Sprintf("%q %s", pattern, wrong), "write a path such as /employees, or /reports/* for all below")
		}
	}
	if len(g.Peers) == 0 && (path != "gateways.envoy" || l.config.Envoy.Address == "") {
		l.missing(path+".peers", path, "missing, so that the door is off and sends nobody", "list the addresses from which the proxy asks")
	}
}

func (l *loader) checkOrigin(path, origin string) {
	const do = "write where browsers reach the application, such as https://intranet.fabrikam.example"
	if origin == "" {
		l.missing(path+".origin", path, "missing, so no browser could come back", do)
		return
	}
	u, err := fetchable(origin)
	switch {
	case err != nil:
		l.refuse(path+".origin", fmt.Sprintf("%q %v", origin, err), do)
	case origin != u.Scheme+"://"+u.Host || strings.ToLower(origin) != origin || strings.ContainsAny(origin, `\%`):
		l.refuse(path+".origin", fmt.Sprintf("%q is more than scheme and host in lower case", origin), do)
	}
}

// askedOfLogins are the parameters of login_url that a step-up sets.
func askedOfLogins() []string {
	return []string{"return_to", "scope", "acr_values", "max_age", "prompt", "claims"}
}

func (l *loader) checkLoginURL(path, login string) {
	const do = "write where people sign in, such as https://login.fabrikam.example/sign-in"
	if login == "" {
		l.missing(path+".login_url", path, "missing, so no browser could be sent anywhere", do)
		return
	}
	u, err := fetchable(login)
	if err != nil {
		l.refuse(path+".login_url", fmt.Sprintf("%q %v", login, err), do)
		return
	}
	for _, name := range askedOfLogins() {
		if u.Query().Has(name) {
			l.refuse(path+".login_url", fmt.Sprintf("%q has the parameter %s, which the step-up sets", login, name), "leave it out")
		}
	}
	if strings.Contains(login, `\`) {
		l.refuse(path+".login_url", fmt.Sprintf("%q has a backslash, which browsers take for a slash", login), do)
	}
}

// wrongReturn says why a pattern is none of paths that can be told apart. A path that is not
// canonical is asked about by nobody.
func wrongReturn(pattern string) string {
	path := strings.TrimSuffix(pattern, "*")
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return "does not begin with a slash"
	case path != pattern && !strings.HasSuffix(path, "/"):
		return "has a * that does not stand alone behind a slash"
	case strings.Contains(pattern, "//") || strings.ContainsFunc(pattern, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`?#;\`, r) }):
		return "is no path"
	}
	return ""
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
