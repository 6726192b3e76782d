package forwardauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
	"stepup/sidecar/wwwauth"
)

// render answers a check with a decision, and a browser with its trip if it has to sign in.
func (d *Door) render(c echo.Context, decision access.Decision, trip navigation.Trip) error {
	switch decision.Outcome {
	case access.Allow:
		return allow(c, decision.Headers)
	case access.Deny, access.StepUp:
		return d.challenge(c, decision, trip)
	case access.Indeterminate:
		problem := protocol.FaultOf(decision)
		problem.Status = d.statusOf(problem.Status)
		return protocol.SendProblem(c, problem)
	}
	return fmt.Errorf("decision %s: unknown outcome %d", decision.ID, decision.Outcome)
}

// allow answers with exactly 200: to Envoy no other status lets a request pass.
func allow(c echo.Context, headers map[string]string) error {
	for name, value := range headers {
		c.Response().Header().Set(name, value)
	}
	c.Response().Header()[echo.HeaderContentLength] = noContent
	return c.NoContent(http.StatusOK)
}

var noContent = []string{"0"} // shared: nobody writes into it

// challenge answers with 401 and every challenge in a field of its own, or with 403; or it sends
// a browser on its trip.
func (d *Door) challenge(c echo.Context, decision access.Decision, trip navigation.Trip) error {
	if trip.Cookie != "" {
		c.Response().Header().Set(echo.HeaderSetCookie, trip.Cookie)
	}
	if trip.Location != "" {
		c.Response().Header().Set(echo.HeaderLocation, trip.Location)
		if d.proxy.sent != http.StatusUnauthorized {
			return c.NoContent(d.proxy.sent)
		}
	}
	challenges, err := wwwauth.PrintAll(decision.Challenges)
	if err != nil {
		return fmt.Errorf("decision %s: %w", decision.ID, err)
	}
	status := decision.Status()
	if status != http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	for _, challenge := range challenges {
		c.Response().Header().Add(echo.HeaderWWWAuthenticate, challenge)
	}
	problem := protocol.Problem{Status: status, Reasons: decision.Reasons, DecisionID: decision.ID}
	if len(decision.Reasons) > 0 {
		problem.Detail = decision.Reasons[0].Message
	}
	return protocol.Send(c, status, protocol.ProblemType, problem.Document())
}

// refuse answers a check that is no question. What a client can bring about at will is told as
// information, and what an operator has to mend as a warning.
func (d *Door) refuse(c echo.Context, err error) error {
	status, code, detail := d.proxy.malformed, access.RequestMalformed, "The request is not taken: "+err.Error()+"."
	var missing *notTold
	level := slog.LevelInfo
	if errors.As(err, &missing) || errors.Is(err, errPeer) {
		level = slog.LevelWarn
	}
	d.cfg.Logger.Log(c.Request().Context(), level, "check refused", "door", d.proxy.Name, "remote", c.Request().RemoteAddr, "detail", err)
	switch {
	case errors.As(err, &missing):
		return protocol.SendProblem(c, &protocol.Problem{Status: d.proxy.fault, Detail: "The proxy does not tell which request it asks about: see the sidecar's log."})
	case errors.Is(err, errPeer):
		status, code, detail = http.StatusForbidden, access.CallerForbidden, access.Because(access.CallerForbidden).Message
	}
	return protocol.SendProblem(c, &protocol.Problem{Status: status, Detail: detail, Reasons: []access.Reason{access.Because(code)}})
}

// statusOf keeps a status of a fault, but for what this proxy reads otherwise.
func (d *Door) statusOf(status int) int {
	switch {
	case status == http.StatusBadRequest:
		return d.proxy.malformed
	case status < http.StatusInternalServerError:
		return http.StatusForbidden
	case d.proxy.fault == http.StatusInternalServerError:
		return d.proxy.fault
	}
	return status
}
