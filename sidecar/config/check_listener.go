package config

import (
	"fmt"
	"slices"
)

// checkListeners holds every listener to who may reach it.
func (l *loader) checkListeners() {
	c := l.config
	if c.HTTP.Address == "" {
		l.missing("http.address", "http.address", "empty, but the sidecar has no other door", "leave it out for its default, 127.0.0.1:8181")
	}
	l.checkDoor("http", c.HTTP)
	l.checkDoor("envoy", c.Envoy)
	if !c.Admin.Address.Local() {
		l.refuse("admin.address", "admin listens on loopback or a Unix socket only", "write 127.0.0.1 in front of its port")
	}
	if a := c.Admin.Address; a != "" && !a.anyPort() && (a == c.HTTP.Address || a == c.Envoy.Address || a == c.Health.Address) {
		l.refuse("admin.address", "the same address as another listener's", "choose another port")
	}
	if c.Health.Address == c.HTTP.Address && c.Health.Address != "" && !c.Health.Address.anyPort() {
		l.refuse("health.address", "the same address as http.address", "choose another port")
	}
}

// checkDoor checks one listener that answers decisions, if it is on.
func (l *loader) checkDoor(name string, listener Listener) {
	if listener.Address == "" {
		return
	}
	l.checkTLS(name+".tls", listener.TLS)
	if listener.Address.Local() || l.knowsCallers(listener) {
		return
	}
	if listener.Insecure {
		l.warnings = append(l.warnings, fmt.Sprintf("%s.insecure: %s listens beyond this machine and answers whoever reaches it", name, listener.Address))
		return
	}
	l.refuse(name+".address",
		fmt.Sprintf("%s can be reached from other machines, and nothing says who may ask", listener.Address),
		fmt.Sprintf("listen on loopback or a Unix socket, set %[1]s.tls.client_ca, or %[1]s.tls and callers with a key_hash, or accept it with %[1]s.insecure: true", name))
}

// knowsCallers reports whether a listener can tell who asks, if anybody on the way may
// listen in: by client certificates, or by keys that are sent by TLS.
func (l *loader) knowsCallers(listener Listener) bool {
	byKey := slices.ContainsFunc(l.config.Callers, func(c Caller) bool { return c.KeyHash != "" })
	return listener.TLS.ClientCA != "" || listener.TLS.Cert != "" && byKey
}

// checkTLS wants a certificate and its key together, and both before client certificates.
func (l *loader) checkTLS(path string, t TLS) {
	switch {
	case t.Cert != "" && t.Key == "":
		l.missing(path+".key", path+".cert", "missing beside cert", "name the file with the certificate's private key")
	case t.Key != "" && t.Cert == "":
		l.missing(path+".cert", path+".key", "missing beside key", "name the file with the certificate")
	case t.ClientCA != "" && t.Cert == "":
		l.refuse(path+".client_ca", "client certificates need TLS", "set cert and key beside it")
	}
}

// BeyondLoopback returns the paths of the listeners that other machines can reach, among
// http.address, envoy.address, health.address and admin.address.
func (c *Config) BeyondLoopback() []string {
	var beyond []string
	for _, listener := range []struct {
		path    string
		address Address
	}{
		{"http.address", c.HTTP.Address},
		{"envoy.address", c.Envoy.Address},
		{"health.address", c.Health.Address},
		{"admin.address", c.Admin.Address},
	} {
		if !listener.address.Local() {
			beyond = append(beyond, listener.path)
		}
	}
	return beyond
}
