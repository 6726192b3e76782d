package authzen

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// metadata describes the endpoints at the address by which they were asked for, which the
// consumer compares with the one it used.
func (d *Door) metadata(c echo.Context) error {
	r := c.Request()
	if !isAuthority(r.Host) {
		return protocol.Refused(http.StatusBadRequest, "The header Host must be a host with or without a port.")
	}
	pdp := "https://" + r.Host
	if r.TLS == nil {
		pdp = "http://" + r.Host
	}
	described := map[string]any{
		"policy_decision_point":       pdp,
		"access_evaluation_endpoint":  pdp + pathEvaluation,
		"access_evaluations_endpoint": pdp + pathEvaluations,
		"supported_obligations":       []string{stepUpObligation},
	}
	// A list that cannot be read is no search either; who searches is told of the fault.
	entities, _, err := d.cfg.Entities(r.Context())
	if err != nil {
		return err
	}
	for name, there := range map[string]struct {
		path   string
		listed bool
	}{
		"search_subject_endpoint":  {pathSearchSubject, len(entities.Subjects) > 0},
		"search_resource_endpoint": {pathSearchResource, len(entities.Resources) > 0},
		"search_action_endpoint":   {pathSearchAction, len(entities.Actions) > 0},
	} {
		if there.listed {
			described[name] = pdp + there.path
		}
	}
	return send(c, described)
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?$`)

// maxHostname is how long a name of the DNS can be. A regular expression that counts so far
// takes longer to compile than the rest of the program.
const maxHostname = 253

func isHostname(text string) bool {
	name, _, _ := strings.Cut(text, ":")
	return len(name) <= maxHostname && hostname.MatchString(text)
}

// isAuthority reports whether a text is a host with or without a port.
func isAuthority(host string) bool {
	if isHostname(host) {
		return true
	}
	address, port, bracketed := strings.Cut(strings.TrimPrefix(host, "["), "]")
	ip, err := netip.ParseAddr(address)
	return bracketed && strings.HasPrefix(host, "[") && err == nil && ip.Is6() && ip.Zone() == "" &&
		(port == "" || isHostname("h"+port))
}
