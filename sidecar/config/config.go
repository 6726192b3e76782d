package config

import "time"

// Config is the whole configuration, as [Load] leaves it: complete, every value
// checked. It is read by many and changed by nobody after loading.
//
// The tags of this tree are the one table of keys. From them come the defaults, the
// environment's names, what [Config.Print] shows and docs/configuration.md:
//
//	yaml     the key
//	default  its default as text; on a section, as YAML, the defaults of its own keys
//	min max  the least and the greatest value
//	one      the words it may be
//	help     what it does, for people
//	later    its feature is not built yet: only its default is accepted
//	secret   its value is never shown
//	expand   ${NAME} in it stands for a variable of the environment
type Config struct {
	HTTP         Listener      `yaml:"http" default:"{address: '127.0.0.1:8181'}" help:"The doors spoken over HTTP."`
	Envoy        Listener      `yaml:"envoy" help:"Envoy's ext_authz over gRPC, at for example 127.0.0.1:9191; empty: off."`
	Health       Health        `yaml:"health" help:"/livez, /readyz and /metrics: names, counts and revisions only, so it may listen anywhere."`
	Admin        Admin         `yaml:"admin" help:"The listener for administrators: explanations."`
	Callers      []Caller      `yaml:"callers" help:"Who may ask, and at which doors; everybody else gets 401 or 403. Empty: whoever reaches the listener."`
	Policy       Policy        `yaml:"policy" help:"Which policy decides, and what it may do."`
	Issuers      []Issuer      `yaml:"issuers" help:"Whose tokens are accepted. Empty: nobody's, so every token is refused."`
	ClockSkew    time.Duration `yaml:"clock_skew" default:"30s" min:"0s" max:"120s" help:"How far an issuer's clock and ours may differ when exp, nbf and iat are checked. It never widens an age."`
	Answers      Answers       `yaml:"answers" help:"What is kept of answers, and how long."`
	LoopGuard    bool          `yaml:"loop_guard" default:"true" help:"Refuse with step_up_unmet instead of asking again for a login that was made twice in vain."`
	Requirements bool          `yaml:"requirements" default:"true" help:"Answer /v1/requirements: which login a resource needs, before any token exists."`
	Login        Login         `yaml:"login" help:"The login rule's door, /v1/login."`
	Headers      Headers       `yaml:"headers" help:"Which headers pass between request, policy and upstream."`
	Routes       Routes        `yaml:"routes" help:"How an HTTP request becomes a resource; [a page](routes.md) says how."`
	Gateways     Gateways      `yaml:"gateways" help:"The doors of proxies, /gw/nginx and so on: a door without peers is off."`
	Limits       Limits        `yaml:"limits" help:"What is refused for its size or number."`
	Log          Log           `yaml:"log" help:"The program's log, with one line per decision: id, outcome, codes, issuer, subject, resource, ms."`

	// Origins says where each value came from, by its path: "http.address",
	// "issuers[0].audiences".
	Origins map[string]Origin `yaml:"-"`
}

// Origin says where the value at a path was written; of a default, the nearest thing around
// it that somebody wrote.
func (c *Config) Origin(path string) Origin { return originOf(c.Origins, path) }

// A Listener is where a door listens. Beyond loopback or a Unix socket it knows its
// callers by client certificate or by [Config.Callers], or is called insecure.
type Listener struct {
	Address  Address `yaml:"address" help:"Where to listen: host:port, or unix:///path/to.sock. Beyond loopback or a Unix socket, tls.client_ca or callers must say who may ask."`
	TLS      TLS     `yaml:"tls" help:"TLS of this listener; empty: none."`
	Insecure bool    `yaml:"insecure" default:"false" help:"Listen beyond loopback without knowing the callers, with a warning at every start."`
}

// TLS names PEM files, read again when they change. All empty: no TLS.
type TLS struct {
	Cert     string `yaml:"cert" help:"File with the certificate chain (PEM). Goes together with key."`
	Key      string `yaml:"key" help:"File with its private key (PEM)."`
	ClientCA string `yaml:"client_ca" help:"File with the authorities (PEM) whose client certificates are required and accepted. Needs cert and key."`
}

// Health is the listener for probes and metrics.
type Health struct {
	Address Address `yaml:"address" default:"127.0.0.1:8282" help:"Where to listen: host:port, or unix:///path/to.sock; empty: off. A container's probes usually need :8282."`
}

// Admin is the listener for administrators: whoever reaches it is one, or where there are
// callers whoever of them has the door admin.
type Admin struct {
	Address Address `yaml:"address" help:"Where the Data API answers explain: 127.0.0.1:port, or unix:///path/to.sock; empty: off. Loopback or a Unix socket only: explanations show the policy, its data and the token's claims. See docs/opa-data-api.md."`
}

// A Caller is somebody who may ask: known by a certificate's name, a key or a Unix user.
type Caller struct {
	Name    string   `yaml:"name" help:"The name of this caller in logs. Required."`
	SAN     string   `yaml:"san" help:"Known by this subject alternative name of its client certificate, compared as a whole: a DNS name, or a URI such as a SPIFFE id. Needs tls.client_ca."`
	KeyHash string   `yaml:"key_hash" secret:"true" help:"Known by the key that it sends as Authorization: Bearer, of which this is sha256: and the digest in hexadecimal. Never the key itself."`
	UID     User     `yaml:"uid" help:"Known by running as the user with this number, at the other end of a Unix socket (Linux)."`
	Doors   []string `yaml:"doors" help:"The doors that are open to this caller: native, login, authzen, opadata, admin, envoy, nginx, traefik, caddy, haproxy. Required."`
}

// Policy says which policy decides.
type Policy struct {
	Path        string         `yaml:"path" help:"A folder, or a bundle (.tar.gz). Empty: the embedded demonstration. Never together with opa.bundles."`
	Package     string         `yaml:"package" default:"fabrikam" help:"The package whose allow is asked, without data. in front. The default belongs to the demonstration: with path or opa.bundles it must be given."`
	Anonymous   bool           `yaml:"anonymous" default:"false" help:"Ask the policy without a verified token too. Rules with not allow on what is absent."`
	MayRedefine []string       `yaml:"may_redefine" help:"Names of shipped levels and vocabularies that the policy's data may replace."`
	Documents   []string       `yaml:"documents" help:"Further packages and rules of the policy that the Data API answers, without data. in front, such as fabrikam.menu; none: only the package's allow and its whole answer. Their results are the policy's own words, and no decision."`
	Builtins    []string       `yaml:"builtins" help:"Built-in functions allowed beyond the safe ones, by name, for example http.send."`
	Deadline    time.Duration  `yaml:"deadline" default:"100ms" min:"1ms" max:"1m" help:"How long one decision may take; past it the answer is a fault, never allow. Waiting for an issuer's first keys is not counted, which takes 5s at most."`
	OPA         map[string]any `yaml:"opa" secret:"true" expand:"true" opa:"true" help:"OPA's own configuration, run by OPA's own plugins: services, bundles, keys, discovery, decision_logs, status, labels. ${NAME} stands for a variable of the environment. See docs/fleet.md."`
}

// Demonstration reports whether no policy was configured, so that the embedded one decides.
func (p Policy) Demonstration() bool { return p.Path == "" && !p.bundles() }

// bundles reports whether OPA is to fetch bundles, or to discover which.
func (p Policy) bundles() bool { return p.OPA["bundles"] != nil || p.discovers() }

// discovers reports whether OPA is to fetch a part of its configuration.
func (p Policy) discovers() bool { return p.OPA["discovery"] != nil }

// Fetched reports whether the policy comes as bundles. With a path of its own, discovery
// can bring anything but bundles.
func (p Policy) Fetched() bool { return p.Path == "" && p.bundles() }

// An Issuer is one provider whose tokens are accepted.
type Issuer struct {
	Issuer        string            `yaml:"issuer" help:"The issuer, exactly as tokens spell it in iss: an https URL (http on loopback only) without query, fragment or user. Required."`
	Audiences     []string          `yaml:"audiences" help:"The aud values by which an access token is meant for us (with cognito, which sends none: its client_id). Empty: access tokens are refused."`
	Clients       []string          `yaml:"clients" help:"The aud values (client ids) by which an ID token is meant for us. Empty: ID tokens are refused. No value may be in both lists, except with cognito."`
	Vocabulary    string            `yaml:"vocabulary" help:"What this provider's claims mean: a shipped vocabulary (auth0-rule, auth0, okta, keycloak, entra, cognito, logto, oidc) or one from the policy's data, by name. Required."`
	Claims        map[string]string `yaml:"claims" help:"Exact renames, the vocabulary's name to the token's: {authentication_level: 'https://fabrikam.example/authentication_level'}. The renamed one alone counts."`
	Levels        map[string]string `yaml:"levels" help:"This tenant's words for levels: {mfa: c1}. With entra, and with keycloak beyond mfa, a level without a word is neither read nor asked for."`
	MaxLevel      string            `yaml:"max_level" help:"The strongest level that this issuer is trusted for. Empty: no ceiling."`
	Algorithms    []string          `yaml:"algorithms" default:"[ES256, ES384, EdDSA, PS256, RS256]" help:"Accepted signature algorithms. Also possible: ES512, PS384, PS512, RS384, RS512; never none or HS*."`
	Typ           []string          `yaml:"typ" help:"Accepted typ headers of access tokens; '' in the list: none. Empty: the vocabulary's."`
	CAFile        string            `yaml:"ca_file" help:"File with the authorities (PEM) to trust when keys are fetched, instead of the system's."`
	JWKSURI       string            `yaml:"jwks_uri" help:"Where the keys are. Empty: found by discovery. Not together with jwks_file."`
	JWKSFile      string            `yaml:"jwks_file" help:"A file with the keys (JWKS); nothing is fetched. Not together with jwks_uri."`
	Introspection map[string]any    `yaml:"introspection" later:"true" secret:"true" help:"Ask the issuer about tokens (RFC 7662)."`
	DPoP          map[string]any    `yaml:"dpop" later:"true" help:"Tokens bound to a key by proof (RFC 9449)."`
	MTLS          map[string]any    `yaml:"mtls" later:"true" help:"Tokens bound to a client certificate (RFC 8705)."`
}

// Answers bounds what an answer promises about the future, and what is kept of it.
type Answers struct {
	Keep   time.Duration `yaml:"keep" default:"60s" min:"0s" max:"1h" help:"The longest that valid_until may lie ahead, and that an answer is kept. 0s: answers are for now only."`
	Memory Size          `yaml:"memory" default:"64MiB" min:"0" max:"16GiB" help:"How much memory verified tokens and kept answers may take together, about. What is asked for least is let go of first; a kept answer is always the one that a fresh question would get. 0: everything is found out anew."`
}

// Login is the login rule's door.
type Login struct {
	Enabled bool `yaml:"enabled" default:"false" help:"Answer /v1/login, to whoever reaches the listener: what a provider tells there is believed."`
}

// Headers are lists of lower-case names; a star at the end stands for any rest.
type Headers struct {
	Allow   []string `yaml:"allow" default:"[x-stepup-*]" help:"Headers that a policy may set for the upstream: lower-case names, a * at the end for any rest."`
	Forward []string `yaml:"forward" help:"Headers of the request that policies see in input.request.headers; names as in allow. Tokens, proofs and cookies cannot be."`
}

// Routes say how an HTTP request becomes a resource.
type Routes struct {
	Table    string `yaml:"table" help:"File with a table of routes, such as GET /employees/{id}; followed with --watch. Neither this nor openapi: a request is about its canonical path."`
	OpenAPI  string `yaml:"openapi" help:"File with an OpenAPI 3 document whose paths are the routes; followed with --watch. Not together with table."`
	Unlisted string `yaml:"unlisted" default:"allow" one:"allow deny" help:"Whether the policy is asked about a request that no route lists, by its canonical path. deny: it is refused."`
}

// Gateways are the doors of proxies. At each, the proxy tells the request in headers of its own.
type Gateways struct {
	Nginx   Gateway `yaml:"nginx" help:"nginx with auth_request, at /gw/nginx."`
	Traefik Gateway `yaml:"traefik" help:"Traefik with ForwardAuth, at /gw/traefik."`
	Caddy   Gateway `yaml:"caddy" help:"Caddy with forward_auth, at /gw/caddy."`
	HAProxy Gateway `yaml:"haproxy" help:"HAProxy with a Lua action, at /gw/haproxy."`
	Envoy   Gateway `yaml:"envoy" help:"Envoy's ext_authz over HTTP, below /gw/envoy/. Where browsers are sent holds for envoy.address too, which needs no peers."`
}

// A Gateway is the door of one kind of proxy.
type Gateway struct {
	Peers    []string `yaml:"peers" help:"Addresses from which this proxy asks, as 127.0.0.1 or 10.1.0.0/16; whoever asks from there is believed. unix: whoever may open the Unix socket that http.address is. Empty: the door is off."`
	Origin   string   `yaml:"origin" help:"Where browsers reach the application: https://intranet.fabrikam.example. Goes together with login_url and return_to."`
	LoginURL string   `yaml:"login_url" help:"Where a browser is sent that goes to a page and has to sign in, or more strongly; everything else gets 401. An https URL, to which return_to, scope, acr_values and max_age are added. Empty: nobody is sent."`
	ReturnTo []string `yaml:"return_to" help:"The paths at origin from which browsers are sent, to come back to: /employees, /reports/* for all below, /* for all."`
}

// Limits are what is refused for its size or number.
type Limits struct {
	Body        Size `yaml:"body" default:"1MiB" min:"256" max:"64MiB" help:"The largest body of a request."`
	Token       Size `yaml:"token" default:"16KiB" min:"256" max:"256KiB" help:"The longest token."`
	Batch       int  `yaml:"batch" default:"100" min:"1" max:"1000" help:"The most questions in one request."`
	Concurrency int  `yaml:"concurrency" default:"0" min:"0" max:"1000000" help:"The most requests worked on at once, from when their bodies are read; more are refused as overload. 0: no limit."`
}

// Log says how the program's log is written.
type Log struct {
	Level    string `yaml:"level" default:"info" one:"debug info warn error" help:"The least important lines that are written."`
	Format   string `yaml:"format" default:"auto" one:"auto text json" help:"auto: text on a terminal, json elsewhere."`
	Subjects string `yaml:"subjects" default:"hashed" one:"hashed plain none" help:"How the subject of a token is written."`
}
