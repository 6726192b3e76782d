package extauthz_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/extauthz"
)

// decider answers with a decision that is given, and keeps what it was asked.
type decider struct {
	answer access.Decision
	asked  *access.Request
	panics bool
}

func (d *decider) Decide(_ context.Context, r access.Request) access.Decision {
	if d.panics {
		panic("a fault of ours")
	}
	d.asked = &r
	return d.answer
}

// get is the CheckRequest of Envoy's documentation for a GET, headers as a map.
func get(path string, headers map[string]string) *authv3.CheckRequest {
	all := map[string]string{":method": "GET", ":path": path, ":authority": "intranet.fabrikam.example", ":scheme": "https", "x-request-id": "7"}
	for name, value := range headers {
		all[name] = value
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "192.0.2.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 40000}},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "7", Method: "GET", Path: path, Host: "intranet.fabrikam.example", Scheme: "https", Protocol: "HTTP/2", Size: -1, Headers: all,
		}},
	}}
}

// raw is the same with encode_raw_headers.
func raw(path string, headers ...string) *authv3.CheckRequest {
	r := get(path, nil)
	http := r.GetAttributes().GetRequest().GetHttp()
	http.Headers, http.HeaderMap = nil, &corev3.HeaderMap{}
	for i := 0; i < len(headers); i += 2 {
		http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: headers[i], RawValue: []byte(headers[i+1])})
	}
	return r
}

func check(t *testing.T, cfg extauthz.Config, r *authv3.CheckRequest) *authv3.CheckResponse {
	t.Helper()
	answer, err := extauthz.New(cfg).Check(t.Context(), r)
	if err != nil {
		t.Fatalf("Check: %v; it must never be an error", err)
	}
	return answer
}

// TestRefusedRequests never get to the decider, and are denied.
func TestRefusedRequests(t *testing.T) {
	extended := func(r *authv3.CheckRequest, key, value string) *authv3.CheckRequest {
		r.Attributes.ContextExtensions = map[string]string{key: value}
		return r
	}
	changed := func(change func(*authv3.AttributeContext_HttpRequest)) *authv3.CheckRequest {
		r := get("/employees", nil)
		change(r.GetAttributes().GetRequest().GetHttp())
		return r
	}
	for name, row := range map[string]struct {
		request *authv3.CheckRequest
		status  int
	}{
		"nothing":                   {nil, 400},
		"no attributes":             {&authv3.CheckRequest{}, 400},
		"no http":                   {&authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}}, 400},
		"no path":                   {get("", nil), 400},
		"an asterisk":               {get("*", nil), 400},
		"an absolute path":          {get("http://intranet/employees", nil), 400},
		"an encoded dot":            {get("/%2e%2e/employees", nil), 400},
		"dots":                      {get("/a/../employees", nil), 400},
		"two slashes":               {get("//employees", nil), 400},
		"an encoded slash":          {get("/a%2Femployees", nil), 400},
		"an encoded letter":         {get("/%65mployees", nil), 400},
		"encoded twice":             {get("/%2565mployees", nil), 400},
		"a backslash":               {get(`/a\employees`, nil), 400},
		"an encoded NUL":            {get("/employees%00", nil), 400},
		"a fragment":                {get("/employees#x", nil), 400},
		"a fragment in the query":   {get("/employees?a#x", nil), 400},
		"a semicolon in the query":  {get("/employees?a=1;b=2", nil), 400},
		"parameters of a segment":   {get("/employees;x=1", nil), 400},
		"dots with a parameter":     {get("/public/..;/employees", nil), 400},
		"a long path":               {get("/"+strings.Repeat("a", 9000), nil), 400},
		"another :path":             {get("/employees", map[string]string{":path": "/public"}), 400},
		"another :method":           {get("/employees", map[string]string{":method": "POST"}), 400},
		"another :authority":        {get("/employees", map[string]string{":authority": "public.example"}), 400},
		":path twice, raw":          {raw("/employees", ":path", "/employees", ":path", "/public"), 400},
		"two tokens in one":         {get("/employees", map[string]string{"authorization": "Bearer a,Bearer b"}), 400},
		"two tokens in one, spaced": {get("/employees", map[string]string{"authorization": "Bearer a, Bearer b"}), 400},
		"two tokens, raw":           {raw("/employees", "authorization", "Bearer a", "authorization", "Bearer b"), 400},
		"two tokens, in other case": {get("/employees", map[string]string{"authorization": "Bearer a", "Authorization": "Bearer b"}), 400},
		"no token after Bearer":     {get("/employees", map[string]string{"authorization": "Bearer "}), 400},
		"an empty Authorization":    {get("/employees", map[string]string{"authorization": ""}), 400},
		"DPoP":                      {get("/employees", map[string]string{"authorization": "DPoP eyJ"}), 400},
		"a semicolon in the path":   {get("/employees;x=1", nil), 400},
		"a token not UTF-8, raw":    {raw("/employees", "authorization", "Bearer a\xff"), 400},
		"a header with a space":     {raw("/employees", "x stepup", "a"), 400},
		"both forms of headers": {changed(func(h *authv3.AttributeContext_HttpRequest) {
			h.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "a"}}}
		}), 400},
		"a query beside the path":    {changed(func(h *authv3.AttributeContext_HttpRequest) { h.Query = "a=b" }), 400},
		"no method":                  {changed(func(h *authv3.AttributeContext_HttpRequest) { h.Method = "" }), 400},
		"a huge request":             {get("/employees", map[string]string{"x": strings.Repeat("a", 2<<20)}), 413},
		"an unknown key of ours":     {extended(get("/employees", nil), "stepup.resource", "x"), 500},
		"an empty key of ours":       {extended(get("/employees", nil), "stepup.action", ""), 500},
		"a bad path under extension": {extended(get("/a/../b", nil), "stepup.resource.id", "/b"), 400},
	} {
		d := &decider{answer: access.Decision{Outcome: access.Allow}}
		answer := check(t, extauthz.Config{Decider: d}, row.request)
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != row.status || answer.GetStatus().GetCode() == 0 || d.asked != nil {
			t.Errorf("%s: %v (asked: %v), want a denied response with %d, and nobody asked", name, answer, d.asked, row.status)
		}
		if answer.GetErrorResponse() != nil {
			t.Errorf("%s: an error_response, which failure_mode_allow lets pass", name)
		}
	}
}

// TestWhatIsAsked follows requests to the decider.
func TestWhatIsAsked(t *testing.T) {
	d := &decider{answer: access.Decision{Outcome: access.Allow}}
	cfg := extauthz.Config{Decider: d, Forward: access.HeaderNames{"x-tenant"}}
	for name, r := range map[string]*authv3.CheckRequest{
		"map": get("/employees/7?a=1&a=2", map[string]string{"authorization": "bearer e.y-J_", "x-tenant": "t", "x-forwarded-uri": "/public", "x-http-method-override": "POST"}),
		"raw": raw("/employees/7?a=1&a=2", "Authorization", "Bearer e.y-J_", "X-Tenant", "t", "x-forwarded-uri", "/public", "x-request-id", "7", "x-http-method-override", "POST"),
	} {
		check(t, cfg, r)
		got := *d.asked
		if got.Door != "envoy" || got.Credential.Reveal() != "e.y-J_" || got.Action.Name != "GET" || got.Resource.Type != "route" || got.Resource.ID != "/employees/7" {
			t.Errorf("%s: asked %+v", name, got)
		}
		h := got.HTTP
		if h.Path != "/employees/7" || !slices.Equal(h.Segments, []string{"employees", "7"}) || !slices.Equal(h.Query["a"], []string{"1", "2"}) ||
			h.ClientIP != "192.0.2.7" || h.Host != "intranet.fabrikam.example" || h.Scheme != "https" {
			t.Errorf("%s: described as %+v", name, h)
		}
		if len(h.Headers) != 1 || h.Headers["x-tenant"][0] != "t" || !slices.Contains(h.Arrived, "x-forwarded-uri") || slices.Contains(h.Arrived, ":path") {
			t.Errorf("%s: forwarded %v of %v", name, h.Headers, h.Arrived)
		}
	}
	r := get("/employees", nil)
	r.Attributes.ContextExtensions = map[string]string{"stepup.action": "read", "stepup.resource.type": "record", "stepup.resource.id": "7", "virtual_host": "x"}
	check(t, cfg, r)
	if got := *d.asked; got.Action.Name != "read" || got.Resource.Type != "record" || got.Resource.ID != "7" || got.HTTP.Path != "/employees" || got.Credential.Presented() {
		t.Errorf("with context_extensions: asked %+v", got)
	}
}

// TestRoutes: a route says what a path is about, unless context_extensions do; what neither
// lists is decided about as unlisted, where only listed requests are asked about.
func TestRoutes(t *testing.T) {
	routes, err := httpreq.ReadTable("routes.yaml", []byte("routes:\n  - GET /employees/{id}\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	d := &decider{answer: access.Decision{Outcome: access.Allow}}
	cfg := extauthz.Config{Decider: d, Routes: routes}
	check(t, cfg, get("/employees/7", nil))
	if r := d.asked.Resource; r.ID != "/employees/{id}" || r.Properties["id"] != "7" {
		t.Errorf("a listed route: asked about %+v", r)
	}
	extended := get("/elsewhere", nil)
	extended.Attributes.ContextExtensions = map[string]string{"stepup.resource.id": "7"}
	check(t, cfg, extended)
	if r := d.asked.Resource; r.ID != "7" || len(r.Properties) != 0 {
		t.Errorf("context_extensions: asked about %+v", r)
	}
	if d.asked.Unlisted {
		t.Error("a resource of context_extensions counts as unlisted")
	}
	answer := check(t, cfg, get("/elsewhere", nil))
	if got := answer.GetDeniedResponse().GetStatus().GetCode(); got != 500 || !d.asked.Unlisted {
		t.Errorf("an unlisted request that is allowed: %v (asked: %v), want a fault", answer, d.asked)
	}
	d.answer = access.Decision{ID: "7", Outcome: access.Deny, Reasons: []access.Reason{access.Because(access.NotAllowed)}}
	answer = check(t, cfg, get("/elsewhere", nil))
	if got := answer.GetDeniedResponse().GetStatus().GetCode(); got != 403 || !d.asked.Unlisted {
		t.Errorf("an unlisted request: %v (asked: %v), want denied with 403 by a decision", answer, d.asked)
	}
}

// TestAllowed: each of the policy's names replaces what came in; one that it may set and did not,
// and other spellings are removed.
func TestAllowed(t *testing.T) {
	d := &decider{answer: access.Decision{ID: "1", Outcome: access.Allow, Revision: "r@1", Headers: map[string]string{"x-stepup-user": "7", "x-stepup-none": ""}}}
	answer := check(t, extauthz.Config{Decider: d, Allow: access.HeaderNames{"x-stepup-*"}}, get("/", map[string]string{"x-stepup-user": "admin", "X-Stepup-Role": "admin", "x_stepup_user": "admin", "x.stepup.role": "admin", "x-other": "a"}))
	ok := answer.GetOkResponse()
	if ok == nil || answer.GetStatus().GetCode() != 0 || !slices.Equal(slices.Sorted(slices.Values(ok.GetHeadersToRemove())), []string{"x-stepup-role", "x.stepup.role", "x_stepup_user"}) {
		t.Fatalf("answer %v", answer)
	}
	got := map[string]string{}
	for _, h := range ok.GetHeaders() {
		got[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%v is appended to what the client sent", h)
		}
	}
	if len(got) != 2 || got["x-stepup-user"] != "7" || got["x-stepup-none"] != "-" {
		t.Errorf("headers %v", got)
	}
	if m := answer.GetDynamicMetadata().AsMap(); m["outcome"] != "allow" || m["decision_id"] != "1" || m["revision"] != "r@1" || m["level"] != "none" {
		t.Errorf("metadata %v", m)
	}
}

// TestDenied holds every outcome that is no allow to its status and its headers.
func TestDenied(t *testing.T) {
	age := int64(60)
	advice := &access.StepUpAdvice{Level: "mfa", MaxAge: &age, AuthorizationRequest: map[string]string{"max_age": "60"}}
	because := func(c access.Code) []access.Reason { return []access.Reason{access.Because(c)} }
	for name, row := range map[string]struct {
		decision   access.Decision
		status     int
		code       codes.Code
		challenges []string
		retry      bool
	}{
		"step-up": {
			access.Decision{Outcome: access.StepUp, Reasons: because(access.LevelTooLow), StepUp: advice, Challenges: append(access.StepUpChallenges(*advice), access.Challenge{Scheme: "DPoP"})},
			401, codes.Unauthenticated, []string{`Bearer error="insufficient_user_authentication", max_age="60"`, "DPoP"}, false,
		},
		"no token":           {access.Decision{Reasons: because(access.NoCredentials), Challenges: access.RefusalChallenges(access.NoCredentials)}, 401, codes.Unauthenticated, []string{"Bearer"}, false},
		"deny":               {access.Decision{Reasons: because(access.NotAllowed)}, 403, codes.PermissionDenied, nil, false},
		"zero decision":      {access.Decision{}, 403, codes.PermissionDenied, nil, false},
		"timeout":            {access.Decision{Outcome: access.Indeterminate, Reasons: because(access.PolicyTimeout)}, 503, codes.Unavailable, nil, true},
		"policy error":       {access.Decision{Outcome: access.Indeterminate, Reasons: because(access.PolicyError)}, 500, codes.Unavailable, nil, false},
		"step-up of none":    {access.Decision{Outcome: access.StepUp}, 500, codes.Unavailable, nil, false},
		"no such outcome":    {access.Decision{Outcome: 9}, 500, codes.Unavailable, nil, false},
		"a broken challenge": {access.Decision{Challenges: []access.Challenge{{Scheme: "a b"}}}, 500, codes.Unavailable, nil, false},
	} {
		answer := check(t, extauthz.Config{Decider: &decider{answer: row.decision}}, get("/", nil))
		denied := answer.GetDeniedResponse()
		if int(denied.GetStatus().GetCode()) != row.status || codes.Code(answer.GetStatus().GetCode()) != row.code {
			t.Errorf("%s: %v, want %d and %v", name, answer, row.status, row.code)
		}
		var challenges []string
		retry := false
		for _, h := range denied.GetHeaders() {
			if h.GetHeader().GetKey() == "www-authenticate" {
				//lint:ignore SA1019 what Envoy reads here
				if appended := h.GetAppend().GetValue(); appended != (len(challenges) > 0) {
					t.Errorf("%s: challenge %d, append %t", name, len(challenges), appended)
				}
				challenges = append(challenges, h.GetHeader().GetValue())
			}
			retry = retry || h.GetHeader().GetKey() == "retry-after"
		}
		if !slices.Equal(challenges, row.challenges) || retry != row.retry {
			t.Errorf("%s: challenges %q, retry-after %t; want %q, %t", name, challenges, retry, row.challenges, row.retry)
		}
		var body map[string]any
		if err := json.Unmarshal([]byte(denied.GetBody()), &body); err != nil || body["decision"] != false || body["outcome"] == "allow" {
			t.Errorf("%s: body %s: %v", name, denied.GetBody(), err)
		}
	}
}

// TestNavigations: a browser that goes to a page and has to sign in is sent to the login.
func TestNavigations(t *testing.T) {
	signIn, err := navigation.New(navigation.Config{Origin: "https://intranet.fabrikam.example", LoginURL: "https://login.example/", ReturnTo: []string{"/employees"}})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(c access.Code) access.Decision {
		return access.Decision{Outcome: access.Deny, Reasons: []access.Reason{access.Because(c)}, Challenges: access.RefusalChallenges(c)}
	}
	browser := map[string]string{"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "x-forwarded-host": "evil.example"}
	for name, row := range map[string]struct {
		decision access.Decision
		request  *authv3.CheckRequest
		sent     bool
		status   int
	}{
		"no token":             {refused(access.NoCredentials), get("/employees?q=1", browser), true, 302},
		"raw headers":          {refused(access.NoCredentials), raw("/employees?q=1", "sec-fetch-mode", "navigate", "Sec-Fetch-Dest", "document"), true, 302},
		"a script":             {refused(access.NoCredentials), get("/employees?q=1", map[string]string{"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}), false, 401},
		"said twice, raw":      {refused(access.NoCredentials), raw("/employees?q=1", "sec-fetch-mode", "navigate", "sec-fetch-mode", "navigate", "sec-fetch-dest", "document"), false, 401},
		"another path":         {refused(access.NoCredentials), get("/customers", browser), false, 401},
		"a deny":               {refused(access.NotAllowed), get("/employees?q=1", browser), false, 403},
		"a fault":              {access.Decision{Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.NotReady)}}, get("/employees?q=1", browser), false, 503},
		"a path read two ways": {refused(access.NoCredentials), get("/employees/../employees", browser), false, 400},
		"an allow is an allow": {access.Decision{Outcome: access.Allow}, get("/employees?q=1", browser), false, 0},
	} {
		answer := check(t, extauthz.Config{Decider: &decider{answer: row.decision}, SignIn: signIn}, row.request)
		headers := map[string][]string{}
		for _, h := range answer.GetDeniedResponse().GetHeaders() {
			headers[h.GetHeader().GetKey()] = append(headers[h.GetHeader().GetKey()], h.GetHeader().GetValue())
		}
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != row.status || (answer.GetStatus().GetCode() == 0) != (row.status == 0) {
			t.Errorf("%s: %v, want %d", name, answer, row.status)
		}
		want := []string{"https://login.example/?return_to=https%3A%2F%2Fintranet.fabrikam.example%2Femployees%3Fq%3D1"}
		if row.sent != slices.Equal(headers["location"], want) || row.sent != (len(headers["set-cookie"]) == 1) || row.sent && len(headers["www-authenticate"]) > 0 {
			t.Errorf("%s: headers %v, want sent: %t", name, headers, row.sent)
		}
		if row.status != 0 && !slices.Equal(headers["cache-control"], []string{"no-store"}) {
			t.Errorf("%s: headers %v, want no-store", name, headers)
		}
	}
}

// TestPanicIsDenied and leaves its place.
func TestPanicIsDenied(t *testing.T) {
	places := protocol.NewPlaces(1, nil)
	for range 2 {
		answer := check(t, extauthz.Config{Decider: &decider{panics: true}, Places: places}, get("/", nil))
		if answer.GetDeniedResponse().GetStatus().GetCode() != 500 || answer.GetStatus().GetCode() == 0 {
			t.Errorf("answer %v, want a denied response with 500", answer)
		}
	}
	leave, err := places.Take()
	if err != nil {
		t.Fatal("a panic kept its place")
	}
	defer leave()
	answer := check(t, extauthz.Config{Decider: &decider{}, Places: places}, get("/", nil))
	if answer.GetDeniedResponse().GetStatus().GetCode() != 503 || !strings.Contains(answer.GetDeniedResponse().GetBody(), "overloaded") {
		t.Errorf("answer %v, want overloaded", answer)
	}
}

// TestUnknownCaller is denied with 403, whatever the user's own Authorization is.
func TestUnknownCaller(t *testing.T) {
	callers, err := protocol.NewCallers([]protocol.Caller{{Name: "gw", SAN: "gw.example", Doors: []string{"envoy"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &decider{answer: access.Decision{Outcome: access.Allow}}
	answer := check(t, extauthz.Config{Decider: d, Callers: callers}, get("/", map[string]string{"authorization": "Bearer a"}))
	if answer.GetDeniedResponse().GetStatus().GetCode() != 403 || d.asked != nil {
		t.Errorf("answer %v, asked %v; want 403 and nobody asked", answer, d.asked)
	}
}

// TestOverSocket asks a real server by a Unix socket: Check and health, ready and not.
func TestOverSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ready, stopping := true, make(chan struct{})
	server := extauthz.NewServer(extauthz.New(extauthz.Config{Decider: &decider{answer: access.Decision{Outcome: access.Allow}}}), nil,
		&extauthz.Health{Ready: func() bool { return ready }, Stopping: stopping})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), get("/", nil))
	if err != nil || answer.GetOkResponse() == nil {
		t.Errorf("Check = %v, %v", answer, err)
	}
	health := grpc_health_v1.NewHealthClient(conn)
	for service, want := range map[string]codes.Code{"": codes.OK, "envoy.service.auth.v3.Authorization": codes.OK, "other": codes.NotFound} {
		if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service}); status.Code(err) != want {
			t.Errorf("health of %q: %v, want %v", service, err, want)
		}
	}
	watch, err := health.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := watch.Recv(); err != nil || state.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("watched %v, %v", state, err)
	}
	close(stopping)
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("a watch while stopping ends with %v, want Unavailable", err)
	}
	server.GracefulStop()
	if err := <-ended; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
}

// bytesCodec sends messages that no generated client would.
type bytesCodec struct{}

func (bytesCodec) Name() string                       { return "proto" }
func (bytesCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

// TestRefusedByGRPC: some messages never reach the door. They are errors, and never an answer that
// could be an allow; docs/gateways/envoy.md says what Envoy makes of them.
func TestRefusedByGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &decider{answer: access.Decision{Outcome: access.Allow}}
	server := extauthz.NewServer(extauthz.New(extauthz.Config{Decider: d}), nil, &extauthz.Health{})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	defer func() { server.Stop(); <-ended }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	good, err := proto.Marshal(get("/employees", map[string]string{"x-mark": "marked"}))
	if err != nil {
		t.Fatal(err)
	}
	for what, row := range map[string]struct {
		message []byte
		want    codes.Code
	}{
		"a message":        {good, codes.OK},
		"a text not UTF-8": {[]byte(strings.Replace(string(good), "marked", "mark\xff\xfe", 1)), codes.Internal},
		"no message":       {[]byte("\xff\xff\xff"), codes.Internal},
		"more than 4 MiB":  {append(good, make([]byte, 5<<20)...), codes.ResourceExhausted},
	} {
		d.asked = nil
		var answer []byte
		err := conn.Invoke(t.Context(), "/envoy.service.auth.v3.Authorization/Check", row.message, &answer, grpc.ForceCodec(bytesCodec{}))
		if status.Code(err) != row.want || (d.asked == nil) != (row.want != codes.OK) {
			t.Errorf("%s: %v, asked %v; want %v", what, err, d.asked, row.want)
		}
	}
}

// TestNotReady says so.
func TestNotReady(t *testing.T) {
	h := &extauthz.Health{Ready: func() bool { return false }}
	state, err := h.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || state.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("Check = %v, %v", state, err)
	}
}
