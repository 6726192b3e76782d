package native

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// DefaultResourceType is the type of a resource where a query names none.
const DefaultResourceType = "route"

// getRequirements answers what a query asks: the login that a resource needs, before any
// token exists.
func (d *Door) getRequirements(c echo.Context) error {
	return d.require(c, func() (access.RequirementQuestion, error) {
		return readRequirementQuery(c.Request().URL.RawQuery)
	})
}

// postRequirements answers the same for a body, which can tell more.
func (d *Door) postRequirements(c echo.Context) error {
	return d.require(c, func() (access.RequirementQuestion, error) {
		body, err := d.body(c)
		if err != nil {
			return access.RequirementQuestion{}, err
		}
		return readRequirement(body, d.cfg.Forward)
	})
}

func (d *Door) require(c echo.Context, read func() (access.RequirementQuestion, error)) error {
	if d.cfg.Requirer == nil {
		return d.off(c)
	}
	question, err := read()
	if err != nil {
		return err
	}
	answer, err := d.cfg.Requirer.Require(c.Request().Context(), question)
	if err != nil {
		return err
	}
	if question.Issuer != "" && len(answer.Issuers) == 0 {
		return wrongQuery("the issuer is not one that is configured here: write it exactly as its tokens do, or leave it out for all")
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, requirementsOf(answer))
}

func wrongQuery(detail string) error {
	return &protocol.Problem{
		Status:  http.StatusBadRequest,
		Detail:  detail,
		Reasons: []access.Reason{access.Because(access.RequestMalformed)},
	}
}

// requirementParameters says where each parameter of a query goes.
var requirementParameters = map[string]func(*access.RequirementQuestion) *string{
	"action":   func(q *access.RequirementQuestion) *string { return &q.Action.Name },
	"resource": func(q *access.RequirementQuestion) *string { return &q.Resource.ID },
	"type":     func(q *access.RequirementQuestion) *string { return &q.Resource.Type },
	"issuer":   func(q *access.RequirementQuestion) *string { return &q.Issuer },
}

// orLeaveOut is the other thing to do about an empty parameter, where there is one.
func orLeaveOut(name string) string {
	if name == "action" || name == "resource" {
		return ""
	}
	return " or leave it out"
}

// readRequirementQuery reads a query as strictly as a body: each parameter is known, given
// once and not empty.
func readRequirementQuery(text string) (access.RequirementQuestion, error) {
	q := access.RequirementQuestion{Door: Name, Resource: access.Resource{Type: DefaultResourceType}}
	given, err := url.ParseQuery(text)
	if err != nil {
		return q, wrongQuery("the query cannot be read: percent-encode what is not a letter or digit, and part parameters with &")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		into, known := requirementParameters[name]
		switch {
		case !known:
			return q, wrongQuery("the query has a parameter that is not known: it takes action, resource, type and issuer")
		case len(given[name]) > 1:
			return q, wrongQuery("the parameter " + name + " must be given once")
		case given[name][0] == "":
			return q, wrongQuery("the parameter " + name + " must not be empty: give it a value" + orLeaveOut(name))
		case !utf8.ValidString(given[name][0]):
			return q, wrongQuery("the parameter " + name + " must be valid UTF-8")
		}
		*into(&q) = given[name][0]
	}
	switch {
	case q.Action.Name == "":
		return q, wrongQuery("the parameter action is required, as in ?action=GET&resource=/employees")
	case q.Resource.ID == "":
		return q, wrongQuery("the parameter resource is required, as in ?action=GET&resource=/employees")
	}
	return q, nil
}

// requirement is what a body said: a question without a token.
type requirement struct {
	question
	issuer string
}

// requirementMembers are those of a question, but for whatever tells who asks.
var requirementMembers = requirementMembersOf(questionMembers)

func requirementMembersOf(question protocol.Members[question]) protocol.Members[requirement] {
	members := protocol.Members[requirement]{
		"issuer":   func(d *decoder, r *requirement) error { return d.Filled(&r.issuer) },
		"requests": func(d *decoder, _ *requirement) error { return d.Refuse("is not taken here: ask one question") },
	}
	for name, read := range question {
		if _, own := members[name]; !own {
			members[name] = func(d *decoder, r *requirement) error { return read(d, &r.question) }
		}
	}
	for _, name := range []string{"token", "id_token", "dpop"} {
		members[name] = func(d *decoder, _ *requirement) error {
			return d.Refuse("is not taken here: requirements are told before there is a token; ask /v1/decision with it")
		}
	}
	return members
}

// readRequirement reads a body. What it leaves out is not told, which the question keeps
// apart from empty.
func readRequirement(body []byte, forward access.HeaderNames) (access.RequirementQuestion, error) {
	var r requirement
	err := protocol.Decode(fragment{Text: body}, func(d *decoder) error { return protocol.Object(d, requirementMembers, &r) })
	if err != nil {
		return access.RequirementQuestion{}, err
	}
	request, err := r.complete("", forward)
	if err != nil {
		return access.RequirementQuestion{}, err
	}
	return access.RequirementQuestion{
		Door: Name, Issuer: r.issuer,
		Action: request.Action, Resource: request.Resource, Context: request.Context, HTTP: request.HTTP,
	}, nil
}

// requirements are the answer as it is written.
type requirements struct {
	Revision     string              `json:"revision"`
	Requirements []issuerRequirement `json:"requirements"`
}

type issuerRequirement struct {
	Issuer string           `json:"issuer"`
	Logins []protocol.Login `json:"logins"`
}

func requirementsOf(r access.Requirements) requirements {
	written := requirements{Revision: r.Revision, Requirements: []issuerRequirement{}}
	for _, one := range r.Issuers {
		logins := []protocol.Login{}
		for _, advice := range one.Logins {
			logins = append(logins, protocol.LoginOf(advice))
		}
		written.Requirements = append(written.Requirements, issuerRequirement{one.Issuer, logins})
	}
	return written
}
