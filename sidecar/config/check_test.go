package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stepup/sidecar/config"
)

// issuer wraps lines of one issuer, complete but for what the line says.
func issuer(line string) string {
	lines := []string{"issuer: https://idp.example/", "audiences: [https://api.example]", "vocabulary: oidc"}
	name, _, _ := strings.Cut(line, ":")
	text := "issuers:\n  - " + line + "\n"
	for _, other := range lines {
		if !strings.HasPrefix(other, name+":") {
			text += "    " + other + "\n"
		}
	}
	return text
}

// hash is a digest of something, and mutual a listener that asks for client certificates.
const (
	hash   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	mutual = "http: {tls: {cert: a, key: b, client_ca: c}}\n"
)

func TestWhatLoads(t *testing.T) {
	for _, text := range []string{
		"http: {address: localhost:80}",
		"http: {address: LOCALHOST:0}",
		"http: {address: '127.9.9.9:80'}",
		"http: {address: '[::1]:80'}",
		"http: {address: '[::ffff:127.0.0.1]:80'}",
		"http: {address: unix:///run/stepup.sock}",
		"http: {address: ':80', tls: {cert: a, key: b, client_ca: c}}",
		"http: {tls: {cert: a, key: b}}",
		"health: {address: ':8282'}",
		"health: {address: '0.0.0.0:8282'}",
		"health: {address: ''}",
		"http: {address: '127.0.0.1:0'}\nhealth: {address: '127.0.0.1:0'}",
		"envoy: {address: ''}",
		"envoy: {address: '127.0.0.1:9191'}",
		"envoy: {address: 'unix:///run/stepup-envoy.sock'}",
		"envoy:",
		"callers:",
		"callers: []",
		"admin: {address: '127.0.0.1:9'}",
		"admin: {address: unix:///run/admin.sock}\ncallers: [{name: a, uid: 0, doors: [admin, opadata]}]",
		"admin: {address: 'localhost:0'}\nhttp: {address: 'localhost:0'}",
		"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [native, login, authzen, opadata, envoy]}]",
		"http: {address: unix:///run/stepup.sock}\ncallers: [{name: a, uid: 0, doors: [nginx]}, {name: b, uid: '1000', doors: [native]}]",
		mutual + "callers: [{name: a, san: gw.example, doors: [native, caddy]}, {name: b, san: spiffe://a.example/b, doors: [haproxy, traefik]}]",
		"http: {address: ':80', tls: {cert: a, key: b}}\ncallers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [native]}]",
		"gateways: {}",
		"gateways: {nginx: {}, envoy: {peers: []}}",
		"gateways: {nginx: {peers: [127.0.0.1, '::1', 10.1.0.0/16, 'fd00::/8']}}",
		sends("nginx", "return_to: ['/*']"),
		sends("caddy", "return_to: [/employees, /reports/*, /caf%C3%A9]"),
		"gateways: {traefik: {peers: [127.0.0.1], origin: 'http://localhost:8000', login_url: 'http://127.0.0.1:8001/sign-in?site=7', return_to: [/]}}",
		"envoy: {address: '127.0.0.1:9191'}\ngateways: {envoy: {origin: 'https://a.example', login_url: 'https://b.example', return_to: [/]}}",
		"http: {address: unix:///run/stepup.sock}\ngateways: {nginx: {peers: [unix]}}",
		"routes: {table: t, unlisted: deny}",
		"routes: {openapi: t}",
		"routes: {table: '', openapi: '', unlisted: allow}",
		"login: {enabled: false}",
		"login: {enabled: true}",
		"loop_guard: false\nrequirements: false",
		"loop_guard: true\nrequirements: true",
		"policy: {opa: {}}",
		"policy: {opa: }",
		"policy: {path: p, package: a.b_c.D9}",
		"policy: {path: p, package: fabrikam}",
		"policy: {path: p, package: stepupper}",
		"policy: {deadline: 1ms}",
		"policy: {may_redefine: [oidc], builtins: [http.send]}",
		"clock_skew: 0s",
		"clock_skew: 0",
		"clock_skew: 2m",
		"answers: {keep: 0s}",
		"limits: {body: 4096, token: 1KiB, batch: 1, concurrency: 8}",
		"limits: {body: 1MB}",
		"headers: {allow: [x-user, x-stepup-*, x-authorization-level], forward: [accept, x-tenant-*]}",
		"headers: {allow: [], forward: []}",
		"issuers: []",
		"issuers:",
		issuer("issuer: https://idp.example"),
		issuer("issuer: http://127.0.0.1:9000/realms/a"),
		issuer("issuer: http://localhost:9000"),
		issuer("issuer: http://[::1]:9000"),
		issuer("audiences: [a]\n    clients: [b]"),
		issuer("audiences: []\n    clients: [b]"),
		"issuers: [{issuer: https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x, audiences: [a], clients: [a], vocabulary: cognito}]",
		issuer("algorithms: [ES256, ES384, EdDSA, PS256, RS256, RS384, RS512, PS384, PS512, ES512]"),
		issuer("jwks_uri: https://idp.example/keys?v=1"),
		issuer("jwks_file: keys.json"),
		issuer("typ: [at+jwt, application/at+jwt, JWT, '']"),
		issuer("claims: {auth_time: 'https://f.example/auth_time', acr: level}"),
		issuer("levels: {mfa: c1, phr: c2}"),
		issuer("introspection: {}\n    dpop: {}\n    mtls:"),
		issuer("issuer: https://idp.example/") + "  - {issuer: https://idp.example, clients: [x], vocabulary: oidc}",
	} {
		if _, warnings, err := load(text); err != nil || len(warnings) > 0 {
			t.Errorf("Load(%q) = %v, %v; want no warning and no error", text, warnings, err)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, tc := range []struct {
		text string
		path string // the key refused
		want string // part of what is told
	}{
		// Keys that are not known, or not text, or there twice.
		{"adress: x", "adress", "nearest valid key"},
		{"http: {adress: x}", "http.adress", "http.address"},
		{"HTTP: {}", "HTTP", "nearest valid key is http"},
		{"policy: {may-redefine: []}", "policy.may-redefine", "policy.may_redefine"},
		{"audiences: []", "audiences", "issuers[].audiences"},
		{issuer("audience: [a]"), "issuers[0].audience", "issuers[0].audiences"},
		{"http: {tls: {ca: x}}", "http.tls.ca", "http.tls."},
		{"dev: true", "dev", "unknown key"},
		{"log: {}\nlog: {}", "", "given twice"},
		{"log: {level: info, level: info}", "", "given twice"},
		{issuer("levels: {mfa: a, mfa: b}"), "", "given twice"},
		{"1: x", "", "not text"},
		{"[a]: x", "", "not text"},

		// Who may ask.
		{"callers: 5", "callers", "a list"},
		{"callers: [{key_hash: 'sha256:" + hash + "', doors: [native]}]", "callers[0].name", "missing"},
		{"callers: [{name: a, doors: [native]}]", "callers[0].name", "one of san, key_hash and uid"},
		{"callers: [{name: a, uid: 0, key_hash: 'sha256:" + hash + "', doors: [native]}]", "callers[0].name", "one of san, key_hash and uid"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "'}]", "callers[0].doors", "list the doors"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [natve]}]", "callers[0].doors[0]", "the nearest is native"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [Native]}]", "callers[0].doors[0]", "the nearest is native"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: ['*']}]", "callers[0].doors[0]", "is no door"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [native, native]}]", "callers[0].doors[1]", "there twice"},
		{"callers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [nginx]}]", "callers[0].key_hash", "its user's Authorization"},
		{"callers: [{name: a, key_hash: " + hash + ", doors: [native]}]", "callers[0].key_hash", "is not sha256:"},
		{"callers: [{name: a, key_hash: 'sha256:" + strings.ToUpper(hash) + "', doors: [native]}]", "callers[0].key_hash", "lower-case"},
		{"callers: [{name: a, key_hash: 'sha256:abc', doors: [native]}]", "callers[0].key_hash", "64"},
		{"callers: [{name: a, key_hash: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', doors: [native]}]", "callers[0].key_hash", "hash of nothing"},
		{"callers: [{name: a, key_hash: 'sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b', doors: [native]}]", "callers[0].key_hash", "hash of nothing"},
		{"callers: [{name: a, san: gw.example, doors: [native]}]", "callers[0].san", "asks for client certificates"},
		{mutual + "callers: [{name: a, san: '*.example', doors: [native]}]", "callers[0].san", "compared as a whole"},
		{mutual + "callers: [{name: a, san: Gw.example, doors: [native]}]", "callers[0].san", "lower case"},
		{mutual + "callers: [{name: a, san: gw.example., doors: [native]}]", "callers[0].san", "lower case"},
		{mutual + "callers: [{name: a, san: 10.0.0.1, doors: [native]}]", "callers[0].san", "IP address"},
		{mutual + "callers: [{name: a, san: 'spiffe:///x', doors: [native]}]", "callers[0].san", "plain form"},
		{mutual + "callers: [{name: a, san: 'SPIFFE://a.example/x', doors: [native]}]", "callers[0].san", "plain form"},
		{mutual + "callers: [{name: a, san: a, doors: [native]}, {name: a, san: b, doors: [native]}]", "callers[1].name", "there twice"},
		{mutual + "callers: [{name: a, san: a, doors: [native]}, {name: b, san: a, doors: [login]}]", "callers[1].name", "known by the same as a"},
		{"callers: [{name: a, uid: 0, doors: [native]}]", "callers[0].uid", "no listener is a Unix socket"},
		{"http: {address: unix:///s}\ncallers: [{name: a, uid: www-data, doors: [native]}]", "callers[0].uid", "number of a user"},
		{"http: {address: unix:///s}\ncallers: [{name: a, uid: '010', doors: [native]}]", "callers[0].uid", "number of a user"},
		{"http: {address: unix:///s}\ncallers: [{name: a, uid: '-1', doors: [native]}]", "callers[0].uid", "number of a user"},
		{"http: {address: unix:///s}\ncallers: [{name: a, uid: '4294967295', doors: [native]}]", "callers[0].uid", "number of a user"},
		{"http: {address: unix:///s}\ncallers: [{name: a, uid: '65534', doors: [native]}]", "callers[0].uid", "every user that it cannot tell"},
		// Keys in the clear are nobody's: they do not open a listener to other machines.
		{"http: {address: ':80'}\ncallers: [{name: a, key_hash: 'sha256:" + hash + "', doors: [native]}]", "http.address", "nothing says who may ask"},

		// Shapes of YAML.
		{"[]", "", "expected a map of keys, found a list"},
		{"text", "", "expected a map of keys, found text"},
		{"log: {}\n---\nlog: {}", "", "second document"},
		{"log: &a {}\nlimits: {}", "", "anchors and aliases"},
		{"a: &a [x]\nb: [*a, *a]", "", "anchors and aliases"},
		{"log: {", "", "not YAML"},
		{"log: \xff", "", "not YAML"},
		{"log: {}\n\tlimits: {}", "", "a tab in front of the line"},
		{"log:\n  level: @info", "", "not YAML: found character that cannot start any token"},

		// Wrong kinds.
		{"http: 5", "http", "expected a map of keys, found a number"},
		{"http: [a]", "http", "found a list"},
		{"http: {insecure: yes}", "http.insecure", "expected true or false, found text"},
		{"http: {insecure: 'true'}", "http.insecure", "expected true or false, found text"},
		{"policy: {path: 5}", "policy.path", "put it in quotes"},
		{"policy: {path: 2001-01-01}", "policy.path", "found a date"},
		{"policy: {path: }", "policy.path", "found nothing"},
		{"policy: {path: !x y}", "policy.path", "found a value tagged !x"},
		{"policy: {path: {a: b}}", "policy.path", "found a map"},
		{"policy: {path: \"a\\nb\"}", "policy.path", "control characters"},
		{"policy: {may_redefine: oidc}", "policy.may_redefine", "expected a list, found text"},
		{"policy: {may_redefine: [1]}", "policy.may_redefine[0]", "expected text, found a number"},
		{"policy: {may_redefine: [a, ]}\nissuers: {}", "issuers", "expected a list, found a map"},
		{"issuers: [a]", "issuers[0]", "expected a map of keys, found text"},
		{"issuers: [null]", "issuers[0]", "found nothing"},
		{issuer("levels: [a]"), "issuers[0].levels", "expected a map, found a list"},
		{issuer("levels: {mfa: 2}"), "issuers[0].levels.mfa", "put it in quotes"},
		{"limits: {batch: 1.5}", "limits.batch", "expected whole number"},
		{"limits: {batch: 0x10}", "limits.batch", "not a whole number"},

		// Words, durations, sizes, addresses.
		{"log: {level: loud}", "log.level", "debug, info, warn, error"},
		{"log: {format: xml}", "log.format", "auto, text, json"},
		{"log: {subjects: clear}", "log.subjects", "hashed, plain, none"},
		{"clock_skew: 30", "clock_skew", "not a duration"},
		{"clock_skew: 121s", "clock_skew", "from 0s to 120s"},
		{"clock_skew: -1s", "clock_skew", "from 0s to 120s"},
		{"clock_skew: 1 minute", "clock_skew", "not a duration"},
		{"answers: {keep: 61m}", "answers.keep", "from 0s to 1h"},
		{"policy: {deadline: 0s}", "policy.deadline", "from 1ms to 1m"},
		{"limits: {body: 65MiB}", "limits.body", "from 256 to 64MiB"},
		{"limits: {body: 1.5MiB}", "limits.body", "not a whole number of bytes"},
		{"limits: {body: 1 mb}", "limits.body", "not a whole number of bytes"},
		{"limits: {token: 99999999999GiB}", "limits.token", "not a whole number of bytes"},
		{"limits: {token: 0}", "limits.token", "from 256 to 256KiB"},
		{"limits: {batch: 0}", "limits.batch", "from 1 to 1000"},
		{"limits: {concurrency: -1}", "limits.concurrency", "from 0 to"},
		{"http: {address: localhost}", "http.address", "neither host:port"},
		{"http: {address: 'localhost:http'}", "http.address", "not a number from 0 to 65535"},
		{"http: {address: 'localhost:65536'}", "http.address", "not a number from 0 to 65535"},
		{"http: {address: 'http://localhost:80'}", "http.address", "neither host:port"},
		{"http: {address: 'a b:80'}", "http.address", "neither an IP address nor a name"},
		{"http: {address: unix://run/s.sock}", "http.address", "absolute path"},
		{"http: {address: unix:///}", "http.address", "absolute path"},
		{"http: {address: ''}", "http.address", "no other door"},
		{"envoy: {address: nonsense}", "envoy.address", "neither host:port"},
		{"envoy: {address: ':9191'}", "envoy.address", "nothing says who may ask"},
		{"envoy: {address: '127.0.0.1:9191', tls: {cert: a}}", "envoy.tls.key", "missing beside cert"},

		{"admin: {address: ':9'}", "admin.address", "loopback or a Unix socket only"},
		{"admin: {address: 'admin.example:9'}", "admin.address", "loopback or a Unix socket only"},
		{"admin: {address: '127.0.0.1:8181'}", "admin.address", "the same address"},
		{"admin: {address: '127.0.0.1:9'}\nhealth: {address: '127.0.0.1:9'}", "admin.address", "the same address"},
		{"admin: {address: 'unix:///s'}\nhttp: {address: 'unix:///s'}", "admin.address", "the same address"},
		{mutual + "callers: [{name: a, san: gw.example, doors: [native, admin]}]", "callers[0].doors", "no certificates"},
		{"routes: {table: t, openapi: t}", "routes.openapi", "beside routes.table"},
		{"routes: {unlisted: deny}", "routes.unlisted", "nothing lists"},
		{"routes: {unlisted: ask}", "routes.unlisted", "allow, deny"},
		{"gateways: {apache: {}}", "gateways.apache", "gateways.caddy"},
		{"gateways: {nginx: {peers: [proxy]}}", "gateways.nginx.peers[0]", "neither an IP address"},
		{"gateways: {nginx: {peers: ['127.0.0.1:80']}}", "gateways.nginx.peers[0]", "neither an IP address"},
		{"gateways: {nginx: {peers: [10.1.2.3/16]}}", "gateways.nginx.peers[0]", "10.1.0.0/16"},
		{"gateways: {caddy: {peers: [0.0.0.0/0]}}", "gateways.caddy.peers[0]", "everybody"},
		{"gateways: {caddy: {peers: ['::/0']}}", "gateways.caddy.peers[0]", "everybody"},
		{"gateways: {caddy: {peers: ['fe80::1%eth0']}}", "gateways.caddy.peers[0]", "neither an IP address"},
		{"gateways: {caddy: {peers: [127.0.0.1, 127.0.0.1]}}", "gateways.caddy.peers[1]", "twice"},
		{"gateways: {caddy: {peers: [unix]}}", "gateways.caddy.peers[0]", "no Unix socket"},
		{"http: {address: unix:///run/stepup.sock}\ngateways: {caddy: {peers: [unix, 127.0.0.1]}}", "gateways.caddy.peers[1]", "write unix"},
		{"gateways: {caddy: {login_url: 'https://a.example'}}", "gateways.caddy.origin", "missing"},
		{"gateways: {caddy: {origin: 'https://a.example'}}", "gateways.caddy.login_url", "missing"},
		{"gateways: {caddy: {origin: 'https://a.example', login_url: 'https://a.example/in'}}", "gateways.caddy.return_to", "missing"},
		{"gateways: {caddy: {origin: 'https://a.example', login_url: 'https://a.example/in', return_to: [/]}}", "gateways.caddy.peers", "off"},
		{"gateways: {envoy: {origin: 'https://a.example', login_url: 'https://a.example/in', return_to: [/]}}", "gateways.envoy.peers", "off"},
		{sends("nginx", "origin: a.example"), "gateways.nginx.origin", "not an absolute https URL"},
		{sends("nginx", "origin: 'http://a.example'"), "gateways.nginx.origin", "loopback"},
		{sends("nginx", "origin: 'https://a.example/'"), "gateways.nginx.origin", "more than scheme and host"},
		{sends("nginx", "origin: 'https://a.example?x'"), "gateways.nginx.origin", "more than scheme and host"},
		{sends("nginx", "origin: 'https://A.example'"), "gateways.nginx.origin", "lower case"},
		{sends("nginx", "origin: 'https://u@a.example'"), "gateways.nginx.origin", "user"},
		{sends("nginx", "login_url: /sign-in"), "gateways.nginx.login_url", "not an absolute https URL"},
		{sends("nginx", "login_url: 'javascript:alert(1)//a'"), "gateways.nginx.login_url", "not an absolute https URL"},
		{sends("nginx", "login_url: 'http://login.example/'"), "gateways.nginx.login_url", "loopback"},
		{sends("nginx", "login_url: 'https://login.example/#in'"), "gateways.nginx.login_url", "fragment"},
		{sends("nginx", "login_url: 'https://login.example/?return_to=/'"), "gateways.nginx.login_url", "return_to"},
		{sends("nginx", "login_url: 'https://login.example/?acr_values=mfa'"), "gateways.nginx.login_url", "acr_values"},
		{sends("nginx", "login_url: 'https://login.example\\evil'"), "gateways.nginx.login_url", "not a URL"},
		{sends("nginx", "return_to: [employees]"), "gateways.nginx.return_to[0]", "slash"},
		{sends("nginx", "return_to: ['*']"), "gateways.nginx.return_to[0]", "slash"},
		{sends("nginx", "return_to: ['/emp*']"), "gateways.nginx.return_to[0]", "stand alone"},
		{sends("nginx", "return_to: ['https://a.example/']"), "gateways.nginx.return_to[0]", "slash"},
		{sends("nginx", "return_to: [//evil.example]"), "gateways.nginx.return_to[0]", "no path"},
		{sends("nginx", "return_to: ['/a?b']"), "gateways.nginx.return_to[0]", "no path"},
		{sends("nginx", "return_to: [/a, /a]"), "gateways.nginx.return_to[1]", "twice"},
		{issuer("introspection: {a: b}"), "issuers[0].introspection", "not built yet"},
		{issuer("dpop: true"), "issuers[0].dpop", "not built yet"},
		{issuer("mtls: required"), "issuers[0].mtls", "not built yet"},

		// Listeners.
		{"http: {address: ':80'}", "http.address", "http.insecure: true"},
		{"http: {address: '0.0.0.0:80'}", "http.address", "http.insecure: true"},
		{"http: {address: '[::]:80'}", "http.address", "http.insecure: true"},
		{"http: {address: '10.0.0.1:80'}", "http.address", "http.tls.client_ca, or http.tls and callers"},
		{"http: {address: 'stepup:80'}", "http.address", "http.insecure: true"},
		{"http: {address: 'localhost.example:80'}", "http.address", "http.insecure: true"},
		{"http: {address: ':80', tls: {cert: a, key: b}}", "http.address", "http.insecure: true"},
		{"http: {tls: {cert: a}}", "http.tls.key", "missing beside cert"},
		{"http: {tls: {key: a}}", "http.tls.cert", "missing beside key"},
		{"http: {tls: {client_ca: a}}", "http.tls.client_ca", "need TLS"},
		{"health: {address: '127.0.0.1:8181'}", "health.address", "same address"},

		// Policy.
		{"policy: {path: p}", "policy.package", "no default"},
		{"policy: {path: p, pakage: x}", "policy.pakage", "policy.package"},
		{"policy: {path: p, package: p, opa: {bundles: {a: {}}}}", "policy.path", "together with policy.opa.bundles"},
		{"policy: {opa: {bundles: {a: {}}}}", "policy.package", "no default"},
		{"policy: {opa: {discovery: {resource: a}}}", "policy.package", "no default"},
		{"policy: {opa: []}", "policy.opa", "expected a map"},
		{"policy: {opa: {labels: {a: '${NOBODY}'}}}", "policy.opa.labels.a", `no variable "NOBODY"`},
		{"policy: {opa: {labels: {a: '${}'}}}", "policy.opa.labels.a", `no variable ""`},
		{"policy: {package: ''}", "policy.package", "empty"},
		{"policy: {path: p, package: data.x}", "policy.package", "line does, x"},
		{"policy: {path: p, package: a..b}", "policy.package", "not the path of a package"},
		{"policy: {path: p, package: a-b}", "policy.package", "not the path of a package"},
		{"policy: {path: p, package: a/b}", "policy.package", "not the path of a package"},
		{"policy: {path: p, package: '9a'}", "policy.package", "not the path of a package"},
		{"policy: {path: p, package: stepup}", "policy.package", "below stepup"},
		{"policy: {path: p, package: stepup.assurance}", "policy.package", "below stepup"},
		{"policy: {builtins: ['']}", "policy.builtins[0]", "empty"},
		{"policy: {documents: ['']}", "policy.documents[0]", "not the path"},
		{"policy: {documents: [fabrikam.menu, data.fabrikam.menu]}", "policy.documents[1]", "not the path"},
		{"policy: {documents: [a/b]}", "policy.documents[0]", "not the path"},
		{"policy: {documents: ['a[_]']}", "policy.documents[0]", "not the path"},
		{"policy: {documents: [fabrikam]}", "policy.documents[0]", "answered with the decision already"},
		{"policy: {documents: [fabrikam.allow]}", "policy.documents[0]", "answered with the decision already"},
		{"policy: {documents: [stepup.vocabularies]}", "policy.documents[0]", "belongs to the program"},
		{"policy: {may_redefine: [a, a]}", "policy.may_redefine[1]", "there twice"},

		// Issuers.
		{issuer("issuer: ''"), "issuers[0].issuer", "missing"},
		{issuer("issuer: idp.example"), "issuers[0].issuer", "not an absolute https URL"},
		{issuer("issuer: https:///x"), "issuers[0].issuer", "not an absolute https URL"},
		{issuer("issuer: https:x"), "issuers[0].issuer", "not an absolute https URL"},
		{issuer("issuer: ftp://idp.example"), "issuers[0].issuer", "not an absolute https URL"},
		{issuer("issuer: http://idp.example"), "issuers[0].issuer", "on loopback only"},
		{issuer("issuer: http://localhost.example"), "issuers[0].issuer", "on loopback only"},
		{issuer("issuer: https://idp.example/?a=b"), "issuers[0].issuer", "has a query"},
		{issuer("issuer: https://idp.example/?"), "issuers[0].issuer", "has a query"},
		{issuer("issuer: https://idp.example/#a"), "issuers[0].issuer", "has a fragment"},
		{issuer("issuer: 'https://idp.example/#'"), "issuers[0].issuer", "has a fragment"},
		{issuer("issuer: https://me@idp.example/"), "issuers[0].issuer", "has a user"},
		{issuer("issuer: 'https://idp.example/a b'"), "issuers[0].issuer", "not a URL"},
		{issuer("issuer: https://bücher.example/"), "issuers[0].issuer", "not a URL"},
		{issuer("issuer: https://dev.stepup.invalid/"), "issuers[0].issuer", "development issuer"},
		{issuer("issuer: https://DEV.stepup.invalid:443/x"), "issuers[0].issuer", "development issuer"},
		{issuer("issuer: https://idp.example/") + "  - {issuer: https://idp.example/, clients: [x], vocabulary: oidc}", "issuers[1].issuer", "issuers[0] already"},
		{issuer("vocabulary: ''"), "issuers[0].vocabulary", "missing"},
		{issuer("vocabulary: a/b"), "issuers[0].vocabulary", "not the name"},
		{issuer("audiences: []"), "issuers[0].audiences", "every token of this issuer would be refused"},
		{issuer("audiences: ['']"), "issuers[0].audiences[0]", "empty"},
		{issuer("audiences: [a, a]"), "issuers[0].audiences[1]", "there twice"},
		{issuer("audiences: [a]\n    clients: [b, a]"), "issuers[0].clients[1]", "in audiences too"},
		{issuer("claims: {exp: x}"), "issuers[0].claims.exp", "exp is a claim by which tokens are verified"},
		{issuer("claims: {auth_time: iat}"), "issuers[0].claims.auth_time", "iat is a claim by which tokens are verified"},
		{issuer("claims: {acr: ''}"), "issuers[0].claims.acr", "empty name"},
		{issuer("claims: {acr: x, amr: x}"), "issuers[0].claims.amr", "read for acr already"},
		{issuer("levels: {mfa: ''}"), "issuers[0].levels.mfa", "empty name"},
		{issuer("levels: {mfa: c, phr: c}"), "issuers[0].levels.phr", "the word for mfa already"},
		{issuer("algorithms: []"), "issuers[0].algorithms", "every token of this issuer would be refused"},
		{issuer("algorithms: [none]"), "issuers[0].algorithms[0]", `"none" is not accepted`},
		{issuer("algorithms: [RS256, HS256]"), "issuers[0].algorithms[1]", `"HS256" is not accepted`},
		{issuer("algorithms: [rs256]"), "issuers[0].algorithms[0]", `"rs256" is not accepted`},
		{issuer("algorithms: [RSA-OAEP-256]"), "issuers[0].algorithms[0]", "is not accepted"},
		{issuer("algorithms: [RS256, RS256]"), "issuers[0].algorithms[1]", "there twice"},
		{issuer("typ: ['a b']"), "issuers[0].typ[0]", "not a media type"},
		{issuer("jwks_uri: https://a.example\n    jwks_file: f"), "issuers[0].jwks_file", "together with jwks_uri"},
		{issuer("jwks_uri: http://a.example"), "issuers[0].jwks_uri", "on loopback only"},
		{issuer("jwks_uri: /keys"), "issuers[0].jwks_uri", "not an absolute https URL"},

		// Headers.
		{"headers: {allow: [X-User]}", "headers.allow[0]", "not in lower case"},
		{"headers: {allow: ['*']}", "headers.allow[0]", "every header"},
		{"headers: {allow: ['x-*-y']}", "headers.allow[0]", "before its end"},
		{"headers: {allow: ['x-**']}", "headers.allow[0]", "before its end"},
		{"headers: {allow: ['x y']}", "headers.allow[0]", "not a header name"},
		{"headers: {allow: [host]}", "headers.allow[0]", "must not set"},
		{"headers: {allow: [authorization]}", "headers.allow[0]", "must not set"},
		{"headers: {allow: ['auth*']}", "headers.allow[0]", "matches authorization"},
		{"headers: {allow: [proxy-authorization]}", "headers.allow[0]", "must not set"},
		{"headers: {allow: [x-a, cookie]}", "headers.allow[1]", "must not set"},
		{"headers: {allow: ['set-*']}", "headers.allow[0]", "matches set-cookie"},
		{"headers: {allow: [dpop]}", "headers.allow[0]", "must not set"},
		{"headers: {allow: [www-authenticate]}", "headers.allow[0]", "must not set"},
		{"headers: {allow: ['content-*']}", "headers.allow[0]", "matches content-length"},
		{"headers: {forward: [cookie]}", "headers.forward[0]", "never see"},
		{"headers: {forward: ['auth*']}", "headers.forward[0]", "matches authorization"},
		{"headers: {forward: ['x-*']}", "headers.forward[0]", "matches x-subject-token"},
		{"headers: {forward: [a, a]}", "headers.forward[1]", "there twice"},
	} {
		_, _, err := load(tc.text)
		if !refuses(err, tc.path, tc.want) {
			t.Errorf("Load(%q) = %v; want %q refused with %q", tc.text, err, tc.path, tc.want)
		}
	}
}

// refuses reports whether err tells of a problem at path with this text.
func refuses(err error, path, want string) bool {
	var all *config.Error
	if !errors.As(err, &all) {
		return false
	}
	for _, p := range all.Problems {
		if p.Path == path && strings.Contains(p.What+"; "+p.Do, want) {
			return true
		}
	}
	return false
}

func TestPathAndBundlesExcludeEachOther(t *testing.T) {
	_, _, err := load("policy: {path: p, package: p, opa: {bundles: {a: {}}}}")
	if !refuses(err, "policy.path", "together with policy.opa.bundles") {
		t.Errorf("Load of policy.path with policy.opa.bundles = %v; want them refused together", err)
	}
}

func TestOneMistakeIsToldOnce(t *testing.T) {
	for _, text := range []string{
		issuer("audience: [a]\n    audiences: []"), // the list that is missing is the one misspelt
		issuer("vocabulry: oidc\n    vocabulary: ''"),
		"policy: {path: p, pakage: x}",
		"http: {address: 5}",
		"issuers: [a]",
		"issuers: [null]",
	} {
		var all *config.Error
		if _, _, err := load(text); !errors.As(err, &all) || len(all.Problems) != 1 {
			t.Errorf("Load(%q) = %v; want one problem", text, err)
		}
	}
}

func TestOfAGreatManyMistakesAHundredAreTold(t *testing.T) {
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "key%d: x\n", i)
	}
	var all *config.Error
	if _, _, err := load(text.String()); !errors.As(err, &all) || len(all.Problems) != 100 {
		t.Errorf("Load of 10000 unknown keys = %.100v…; want 100 problems", err)
	}
}

func TestInsecureIsWarnedOf(t *testing.T) {
	_, warnings, err := load("http: {address: ':80', insecure: true}")
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "http.insecure") {
		t.Errorf("Load of an insecure listener = %q, %v; want one warning that names http.insecure", warnings, err)
	}
	if _, warnings, _ := load("http: {insecure: true}"); len(warnings) > 0 {
		t.Errorf("Load of insecure: true on loopback warns %q; want nothing", warnings)
	}
}

func TestBeyondLoopback(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", ""},
		{"http: {address: unix:///run/s.sock}", ""},
		{"health: {address: ':8282'}", "health.address"},
		{"http: {address: ':80', insecure: true}\nhealth: {address: ':8282'}", "http.address health.address"},
	} {
		if got := strings.Join(mustLoad(t, tc.text).BeyondLoopback(), " "); got != tc.want {
			t.Errorf("Load(%q).BeyondLoopback() = %q, want %q", tc.text, got, tc.want)
		}
	}
}

// sends is the door of a proxy that sends browsers to a login, but for what is given otherwise.
func sends(door, otherwise string) string {
	settings := ""
	for key, value := range map[string]string{
		"peers": "[127.0.0.1]", "origin": "'https://intranet.fabrikam.example'",
		"login_url": "'https://login.fabrikam.example/sign-in'", "return_to": "[/]",
	} {
		if !strings.HasPrefix(otherwise, key+":") {
			settings += key + ": " + value + ", "
		}
	}
	return "gateways: {" + door + ": {" + settings + otherwise + "}}"
}

// TestTabsAreNamed where they are, which the parser does not say: in front of a line.
func TestTabsAreNamed(t *testing.T) {
	for _, row := range []struct {
		text string
		line int
	}{
		{"log: {}\n\tlimits: {}", 2},
		{"log:\n\tlevel: info", 2},
		{"log:\n  level: info\n  \tformat: text", 3},
		{"\tlog: {}", 1},
	} {
		want := fmt.Sprintf("stepup.yaml:%d: not YAML: a tab in front of the line; indent with spaces", row.line)
		if _, _, err := load(row.text); err == nil || err.Error() != want {
			t.Errorf("Load(%q) = %v, want %s", row.text, err, want)
		}
	}
}
