package native_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol/native"
)

// require is a Requirer made of a function.
type require func(context.Context, access.RequirementQuestion) (access.Requirements, error)

func (f require) Require(ctx context.Context, q access.RequirementQuestion) (access.Requirements, error) {
	return f(ctx, q)
}

// required starts the door with a requirer, and gives what it was asked last.
func required(t testing.TB, answer access.Requirements, err error) (url string, asked *access.RequirementQuestion) {
	t.Helper()
	asked = &access.RequirementQuestion{}
	srv := serve(t, always(denied()), func(c *native.Config) {
		c.Forward = access.HeaderNames{"accept"}
		c.Requirer = require(func(_ context.Context, q access.RequirementQuestion) (access.Requirements, error) {
			*asked = q
			return answer, err
		})
	})
	return srv.URL + "/v1/requirements", asked
}

func get(t testing.TB, url string) *http.Response {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

var oneIssuer = access.Requirements{Revision: "folder@1", Issuers: []access.Requirement{{Issuer: "https://idp.example/"}}}

// Requirements are written exactly so.
func TestRequirementsAreRendered(t *testing.T) {
	url, _ := required(t, access.Requirements{Revision: "folder@1", Issuers: []access.Requirement{
		{Issuer: "https://idp.example/", Logins: []access.StepUpAdvice{
			{Level: "mfa", MaxAge: seconds(3600), AuthorizationRequest: map[string]string{"scope": "openid step_up", "max_age": "3600"}},
			{Level: "phr", ACRValues: []string{"phr"}, AuthorizationRequest: map[string]string{"acr_values": "phr"}},
		}},
		{Issuer: "https://other.example/"},
	}}, nil)
	resp := get(t, url+"?action=GET&resource=/employees")
	got, want := read(t, resp), oneLine(`{"revision":"folder@1","requirements":[
		{"issuer":"https://idp.example/","logins":[
		{"level":"mfa","max_age":3600,"acr_values":[],"authorization_request":{"max_age":"3600","scope":"openid step_up"}},
		{"level":"phr","acr_values":["phr"],"authorization_request":{"acr_values":"phr"}}]},
		{"issuer":"https://other.example/","logins":[]}]}`)
	if resp.StatusCode != http.StatusOK || got != want {
		t.Errorf("status %d\n got %s\nwant %s", resp.StatusCode, got, want)
	}
	checkUncached(t, resp)
	checkSchema(t, "Requirements", got)
}

func TestRequirementsWithoutIssuers(t *testing.T) {
	url, _ := required(t, access.Requirements{Revision: "folder@1"}, nil)
	got := read(t, get(t, url+"?action=GET&resource=/employees"))
	if want := `{"revision":"folder@1","requirements":[]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	checkSchema(t, "Requirements", got)
}

func TestRequirementQuery(t *testing.T) {
	url, asked := required(t, oneIssuer, nil)
	for query, want := range map[string]access.RequirementQuestion{
		"action=GET&resource=/employees": {
			Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"}},
		"resource=7%2B1&type=doc&issuer=https%3A%2F%2Fidp.example%2F&action=can+read": {
			Issuer: "https://idp.example/", Action: access.Action{Name: "can read"}, Resource: access.Resource{Type: "doc", ID: "7+1"}},
	} {
		resp := get(t, url+"?"+query)
		want.Door = "native"
		if diff := cmp.Diff(want, *asked); resp.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%s: status %d (-want +got):\n%s", query, resp.StatusCode, diff)
		}
	}
}

func TestRequirementQueryRefused(t *testing.T) {
	url, asked := required(t, oneIssuer, nil)
	for name, row := range map[string]struct{ query, detail string }{
		"nothing":              {"", "the parameter action is required"},
		"no action":            {"resource=/a", "the parameter action is required"},
		"no resource":          {"action=GET", "the parameter resource is required"},
		"action twice":         {"action=GET&resource=/a&action=PUT", "the parameter action must be given once"},
		"issuer twice":         {"action=GET&resource=/a&issuer=x&issuer=x", "the parameter issuer must be given once"},
		"empty resource":       {"action=GET&resource=", "the parameter resource must not be empty"},
		"empty type":           {"action=GET&resource=/a&type=", "the parameter type must not be empty"},
		"empty issuer":         {"action=GET&resource=/a&issuer", "the parameter issuer must not be empty"},
		"unknown":              {"action=GET&resource=/a&level=mfa", "a parameter that is not known"},
		"wrong case":           {"Action=GET&resource=/a", "a parameter that is not known"},
		"token":                {"action=GET&resource=/a&token=" + secret, "a parameter that is not known"},
		"half an escape":       {"action=GET&resource=/a%2", "the query cannot be read"},
		"parted by semicolons": {"action=GET;resource=/a", "the query cannot be read"},
		"not UTF-8":            {"action=GET&resource=%ff", "the parameter resource must be valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := problem(t, get(t, url+"?"+row.query), http.StatusBadRequest)
			if !strings.Contains(doc.Detail, row.detail) {
				t.Errorf("detail %q, want it to say %q", doc.Detail, row.detail)
			}
			checkTellsNoToken(t, doc)
		})
	}
	if asked.Action.Name != "" {
		t.Errorf("a query that was refused was asked: %+v", *asked)
	}
}

func TestRequirementBody(t *testing.T) {
	url, asked := required(t, oneIssuer, nil)
	rows := map[string]struct {
		body string
		want access.RequirementQuestion
	}{
		"no more than a query": {`{A,R}`, access.RequirementQuestion{}},
		"an issuer":            {`{A,R,"issuer":"https://idp.example/"}`, access.RequirementQuestion{Issuer: "https://idp.example/"}},
		"an empty context":     {`{A,R,"context":{}}`, access.RequirementQuestion{Context: access.Object{}}},
		"context":              {`{A,R,"context":{"a":"b"}}`, access.RequirementQuestion{Context: access.Object{"a": "b"}}},
		"an empty request":     {`{A,R,"request":{}}`, access.RequirementQuestion{}},
		"a request": {`{A,R,"request":{"path":"/a","headers":{"Accept":["x"],"Cookie":["y"]}}}`, access.RequirementQuestion{
			HTTP: &access.HTTPRequest{Path: "/a", Segments: []string{"a"},
				Headers: map[string][]string{"accept": {"x"}}, Arrived: []string{"accept", "cookie"}}}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			resp := post(t, url, body(row.body))
			want := row.want
			want.Door, want.Action.Name, want.Resource = "native", "GET", access.Resource{Type: "r", ID: "i"}
			if diff := cmp.Diff(want, *asked); resp.StatusCode != http.StatusOK || diff != "" {
				t.Errorf("status %d (-want +got):\n%s", resp.StatusCode, diff)
			}
			if err := validate(t, "RequirementQuestion", body(row.body)); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
		})
	}
}

func TestRequirementBodyRefused(t *testing.T) {
	url, _ := required(t, oneIssuer, nil)
	for name, row := range map[string]struct{ body, detail string }{
		"token":         {`{A,R,"token":"S"}`, "/token is not taken here"},
		"id_token":      {`{A,R,"id_token":"S"}`, "/id_token is not taken here"},
		"dpop":          {`{A,R,"dpop":{"proof":"S"}}`, "/dpop is not taken here"},
		"subject":       {`{A,R,"subject":{"type":"user","id":"alice"}}`, "/subject is not taken"},
		"requests":      {`{A,R,"requests":[]}`, "/requests is not taken here"},
		"unknown":       {`{A,R,"level":"mfa"}`, "/level is not a known member"},
		"no action":     {`{R}`, "/action is required"},
		"no type":       {`{A,"resource":{"id":"i"}}`, "/resource/type is required"},
		"empty issuer":  {`{A,R,"issuer":""}`, "/issuer must not be empty"},
		"issuer twice":  {`{A,R,"issuer":"a","issuer":"b"}`, "/issuer is given twice"},
		"issuers":       {`{A,R,"issuer":["a"]}`, "/issuer must be a string, not an array"},
		"context null":  {`{A,R,"context":null}`, "/context must be an object, not null"},
		"not an object": {`[]`, "must be an object, not an array"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := problem(t, post(t, url, body(row.body)), http.StatusBadRequest)
			if !strings.Contains(doc.Detail, row.detail) {
				t.Errorf("detail %q, want it to say %q", doc.Detail, row.detail)
			}
			checkTellsNoToken(t, doc)
			if strings.Contains(row.detail, "twice") {
				return // which no schema can say
			}
			if err := validate(t, "RequirementQuestion", body(row.body)); err == nil {
				t.Errorf("the schema takes it: %s", body(row.body))
			}
		})
	}
	t.Run("a query beside a body", func(t *testing.T) {
		doc := problem(t, post(t, url+"?issuer=x", body(`{A,R}`)), http.StatusBadRequest)
		if !strings.Contains(doc.Detail, "the query must be empty") {
			t.Errorf("detail %q", doc.Detail)
		}
	})
	t.Run("not JSON", func(t *testing.T) {
		resp, err := http.Post(url, "text/plain", strings.NewReader(body(`{A,R}`)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		problem(t, resp, http.StatusUnsupportedMediaType)
	})
}

// An issuer that is not configured is a mistake of the caller, not one that nobody can
// come from.
func TestRequirementsOfUnknownIssuer(t *testing.T) {
	url, _ := required(t, access.Requirements{Revision: "folder@1"}, nil)
	for _, resp := range []*http.Response{
		get(t, url+"?action=GET&resource=/a&issuer=https://idp.example"),
		post(t, url, body(`{A,R,"issuer":"https://idp.example"}`)),
	} {
		if doc := problem(t, resp, http.StatusBadRequest); !strings.Contains(doc.Detail, "issuer") {
			t.Errorf("detail %q, want it to name the issuer", doc.Detail)
		}
	}
}

func TestRequirementFaults(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
	}{
		{"no policy", &access.Fault{Code: access.NotReady}, 503, "not_ready", "2"},
		{"no time", &access.Fault{Code: access.PolicyTimeout, Err: errors.New("file.rego:3")}, 503, "policy_timeout", "2"},
		{"policy at fault", &access.Fault{Code: access.PolicyError, Err: errors.New("file.rego:3")}, 500, "policy_error", ""},
		{"a code that is no fault", &access.Fault{Code: access.NotAllowed}, 500, "", ""},
		{"anything else", errors.New("file.rego:3"), 500, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, _ := required(t, oneIssuer, row.err)
			resp := get(t, url+"?action=GET&resource=/a")
			doc := problem(t, resp, row.status)
			if got := resp.Header.Get("Retry-After"); got != row.retry {
				t.Errorf("Retry-After %q, want %q", got, row.retry)
			}
			code := ""
			if len(doc.Reasons) > 0 {
				code = doc.Reasons[0].Code
			}
			if code != row.code || strings.Contains(doc.Detail, "file.rego") {
				t.Errorf("code %q, detail %q; want code %q and nothing from inside", code, doc.Detail, row.code)
			}
		})
	}
}

func TestRequirementsTurnedOff(t *testing.T) {
	srv := serve(t, always(denied()))
	for _, resp := range []*http.Response{
		get(t, srv.URL+"/v1/requirements?action=GET&resource=/a"),
		post(t, srv.URL+"/v1/requirements", body(`{A,R}`)),
	} {
		if doc := problem(t, resp, http.StatusNotFound); !strings.Contains(doc.Detail, "requirements: false") {
			t.Errorf("detail %q, want it to name the key", doc.Detail)
		}
	}
}

func TestRequirementsByOtherMethods(t *testing.T) {
	url, _ := required(t, oneIssuer, nil)
	req, _ := http.NewRequest(http.MethodPut, url, strings.NewReader(body(`{A,R}`)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	problem(t, resp, http.StatusMethodNotAllowed)
	if got := resp.Header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow %q, want GET, POST", got)
	}
}

// Whatever a query says, it is read to a question that names action and resource, or
// refused.
func FuzzRequirementQuery(f *testing.F) {
	url, asked := required(f, oneIssuer, nil)
	f.Add("action=GET&resource=/employees")
	f.Add("action=GET&resource=/a&type=doc&issuer=x")
	f.Add("action=GET;resource=%")
	f.Fuzz(func(t *testing.T, query string) {
		*asked = access.RequirementQuestion{}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.RawQuery = query
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // not a request that HTTP can carry
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusOK && (asked.Action.Name == "" || asked.Resource.ID == "" || asked.Resource.Type == "") {
			t.Errorf("query %q was taken as %+v", query, *asked)
		}
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("query %q: status %d", query, resp.StatusCode)
		}
	})
}
