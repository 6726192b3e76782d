package opadata

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

const explainOff = "off"

// explainModes are those of OPA's parameter explain.
func explainModes() []string { return []string{"notes", "fails", "full", "debug", explainOff} }

// mayExplain refuses an explanation where there is none to be had. A value that OPA would pass
// over is a mistake here.
func (d *Door) mayExplain(modes []string) error {
	for _, mode := range modes {
		switch {
		case mode != explainOff && d.cfg.Explainer == nil:
			return protocol.Refused(http.StatusForbidden, "explain is answered on admin.address alone, since it shows the policy and the token's claims; stepup decide --explain tells why, too.")
		case !slices.Contains(explainModes(), mode):
			return protocol.Refused(http.StatusBadRequest, "explain must be one of "+strings.Join(explainModes(), ", ")+".")
		}
	}
	return nil
}

// An asker asks what a document is for a request, and how the policy came to it, if that is
// wanted.
type asker struct {
	*Door
	explain *protocol.Explanation // nil: it is not
}

func (d *Door) asker(named document, asked url.Values) asker {
	// As in OPA, the first mode counts, and none of those that are off.
	at := slices.IndexFunc(asked["explain"], func(mode string) bool { return mode != explainOff })
	if at < 0 || d.cfg.Explainer == nil {
		return asker{Door: d}
	}
	return asker{d, &protocol.Explanation{Document: d.nameOf(named), Mode: asked["explain"][at], Pretty: isSet(asked, "pretty")}}
}

// nameOf is the name with dots of what a path names.
func (d *Door) nameOf(named document) string {
	switch named {
	case allowed:
		return d.cfg.Package + ".allow"
	case answer:
		return d.cfg.Package
	case undefined:
		return ""
	}
	return string(named)
}

func (a asker) decide(ctx context.Context, r access.Request) (access.Decision, json.RawMessage, error) {
	if a.explain == nil {
		return a.cfg.Decider.Decide(ctx, r), nil, nil
	}
	return a.cfg.Explainer.ExplainDecision(ctx, r, *a.explain)
}

func (a asker) value(ctx context.Context, r access.Request, named document) (access.FurtherDocument, json.RawMessage, error) {
	if a.explain == nil {
		told, err := a.cfg.Valuer.Value(ctx, r, string(named))
		return told, nil, err
	}
	return a.cfg.Explainer.ExplainValue(ctx, r, *a.explain)
}
