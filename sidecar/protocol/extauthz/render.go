package extauthz

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"stepup/sidecar/access"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// absent stands for an empty value, of which Envoy keeps none.
const absent = "-"

// render returns a decision as Envoy is told it. What is no decision is an error.
func render(d access.Decision, allow access.HeaderNames, arrived []string) (*authv3.CheckResponse, error) {
	var answer *authv3.CheckResponse
	var err error
	switch d.Outcome {
	case access.Allow:
		answer = allowed(d.Headers, spoofed(d.Headers, allow, arrived))
	case access.Deny, access.StepUp:
		answer, err = denied(d)
	case access.Indeterminate:
		return nil, protocol.FaultOf(d)
	default:
		return nil, fmt.Errorf("decision %s: unknown outcome %d", d.ID, d.Outcome)
	}
	if err != nil {
		return nil, fmt.Errorf("decision %s: %w", d.ID, err)
	}
	answer.DynamicMetadata = stated(d.Outcome.String(), d)
	return answer, nil
}

// allowed replaces what the client sent under the policy's names; nothing is appended.
func allowed(headers map[string]string, remove []string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: remove}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if value == "" {
			value = absent
		}
		ok.Headers = append(ok.Headers, set(name, value))
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// spoofed are the names that came in and that an application takes for the policy's: one that
// the policy may set and did not, and one that only looks like such. X_Stepup_User becomes the
// same variable of CGI and WSGI as X-Stepup-User.
func spoofed(headers map[string]string, allow access.HeaderNames, arrived []string) []string {
	if len(allow) == 0 {
		return nil
	}
	var found []string
	for _, name := range arrived {
		spelt := strings.NewReplacer("_", "-", ".", "-").Replace(name)
		if _, replaced := headers[name]; !replaced && allow.Admit(spelt) {
			found = append(found, name)
		}
	}
	return found
}

// A refusal is the body of a denied response: a problem document (RFC 9457), and on a
// step-up what to ask the provider for.
type refusal struct {
	protocol.Document
	StepUp *protocol.StepUp `json:"step_up,omitzero"`
}

func denied(d access.Decision) (*authv3.CheckResponse, error) {
	challenges, err := wwwauth.PrintAll(d.Challenges)
	if err != nil {
		return nil, err
	}
	p := &protocol.Problem{Status: d.Status(), Reasons: d.Reasons, DecisionID: d.ID}
	if len(d.Reasons) > 0 {
		p.Detail = d.Reasons[0].Message
	}
	body := refusal{Document: p.Document()}
	if d.Outcome == access.StepUp {
		if d.StepUp == nil {
			return nil, fmt.Errorf("a step-up without a login that would do")
		}
		body.Outcome = access.StepUp.String()
		body.StepUp = protocol.StepUpOf(*d.StepUp)
	}
	return refuse(p.Status, challenges, body)
}

// send makes of a refusal one that sends a browser to sign in.
func send(answer *authv3.CheckResponse, trip navigation.Trip) {
	denied := answer.GetDeniedResponse()
	if denied == nil {
		return
	}
	if trip.Location != "" {
		denied.Status.Code, denied.Body = http.StatusFound, ""
		denied.Headers = []*corev3.HeaderValueOption{set("cache-control", "no-store"), set("location", trip.Location)}
	}
	if trip.Cookie != "" {
		denied.Headers = append(denied.Headers, set("set-cookie", trip.Cookie))
	}
}

// fault returns a problem as a denied response. Who is told it is Envoy's user, not the
// caller, so that a caller who is not known is no 401, which would ask the user to sign in.
func fault(p *protocol.Problem) *authv3.CheckResponse {
	told := *p
	var challenges []string
	switch {
	case told.Status == http.StatusUnauthorized:
		told.Status = http.StatusForbidden
	case told.Status == http.StatusBadRequest:
		challenges, _ = wwwauth.PrintAll(access.RefusalChallenges(access.RequestMalformed))
	}
	answer, err := refuse(told.Status, challenges, refusal{Document: told.Document()})
	if err != nil {
		answer = bare(http.StatusInternalServerError)
	}
	answer.DynamicMetadata = stated("fault", access.Decision{ID: p.DecisionID})
	return answer
}

func refuse(code int, challenges []string, body refusal) (*authv3.CheckResponse, error) {
	text, err := protocol.Encode(body)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	answer := bare(code)
	response := answer.GetDeniedResponse()
	response.Body = string(text) + "\n"
	response.Headers = append(response.Headers, set("content-type", protocol.ProblemType), set("cache-control", "no-store"), set("x-content-type-options", "nosniff"))
	if code == http.StatusServiceUnavailable {
		response.Headers = append(response.Headers, set("retry-after", protocol.RetryAfter))
	}
	for i, challenge := range challenges {
		header := set("www-authenticate", challenge)
		if i > 0 {
			header = add("www-authenticate", challenge)
		}
		response.Headers = append(response.Headers, header)
	}
	return answer, nil
}

// bare is a denied response with its status alone.
func bare(code int) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(grpcCode(code))},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)},
		}},
	}
}

// grpcCode is what the status of a response says beside its HTTP status. Anything but OK
// refuses.
func grpcCode(code int) codes.Code {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	}
	return codes.Unavailable
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// add keeps a value beside one of the same name. In answers to a Check the old field alone
// tells it from a value that replaces: append_action has the same zero value for both.
func add(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header: &corev3.HeaderValue{Key: name, Value: value},
		//lint:ignore SA1019 Envoy reads it here, see above
		Append:       wrapperspb.Bool(true),
		AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	}
}

// decisionID is the member of what is stated that is of its own for each answer.
const decisionID = "decision_id"

// stated is what Envoy's logs and later filters find under envoy.filters.http.ext_authz.
func stated(outcome string, d access.Decision) *structpb.Struct {
	level := d.Assurance.Level
	if level == "" {
		level = access.NoLevel
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"outcome":  structpb.NewStringValue(outcome),
		decisionID: structpb.NewStringValue(d.ID),
		"revision": structpb.NewStringValue(d.Revision),
		"level":    structpb.NewStringValue(level),
	}}
}
