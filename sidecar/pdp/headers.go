package pdp

import (
	"fmt"

	"stepup/sidecar/access"
)

// Absent is what a header is set to when the policy gives it no value, because proxies
// leave a client's own copy in place when an answer lacks the name.
const Absent = "-"

// upstreamHeaders returns the headers of an allow: the policy's own, and [Absent] for
// every name that is literally listed and every admitted header that the request brought
// along, so that a client's own copy never survives. A header that is not admitted is a
// fault of the policy.
func upstreamHeaders(admitted access.HeaderNames, own map[string]string, http *access.HTTPRequest) (map[string]string, error) {
	headers := make(map[string]string)
	for _, name := range admitted.Literal() {
		headers[name] = Absent
	}
	for _, name := range arrived(http) {
		if admitted.Admit(name) {
			headers[name] = Absent
		}
	}
	for name, value := range own {
		if !admitted.Admit(name) {
			return nil, &access.Fault{
				Code: access.PolicyContract,
				Err:  fmt.Errorf("the policy sets header %q, which headers.allow does not list", name),
			}
		}
		headers[name] = value
	}
	return headers, nil
}

func arrived(http *access.HTTPRequest) []string {
	if http == nil {
		return nil
	}
	return http.Arrived
}
