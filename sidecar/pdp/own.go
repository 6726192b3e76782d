package pdp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// What a policy says is often a part of what it looked at: a header with input.subject.id in it is a
// part of the token's payload, and whoever keeps the one keeps the other. So what is kept of an
// answer are copies, of their own.

func (s *saying) own() {
	r := &s.ruling
	r.Reasons = slices.Clone(r.Reasons)
	for i, reason := range r.Reasons {
		r.Reasons[i].Code, r.Reasons[i].Message = access.Code(strings.Clone(string(reason.Code))), strings.Clone(reason.Message)
	}
	r.Obligations, r.Labels = ownObjects(r.Obligations), ownObjects(r.Labels)
	r.Headers = ownTexts(r.Headers)
	if s.advice != nil {
		advice := ownAdvice(*s.advice)
		s.advice = &advice
	}
}

func ownAdvice(a access.StepUpAdvice) access.StepUpAdvice {
	a.AuthorizationRequest = ownTexts(a.AuthorizationRequest) // the others are those of policy and vocabulary
	a.Alternatives = slices.Clone(a.Alternatives)
	for i, other := range a.Alternatives {
		a.Alternatives[i] = ownAdvice(other)
	}
	return a
}

func ownTexts(texts map[string]string) map[string]string {
	all := maps.Clone(texts)
	for name, value := range texts {
		all[name] = strings.Clone(value)
	}
	return all
}

func ownObjects(list []access.Object) []access.Object {
	all := slices.Clone(list)
	for i, o := range list {
		all[i] = ownValue(o).(access.Object)
	}
	return all
}

func ownValue(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Clone(v)
	case json.Number:
		return json.Number(strings.Clone(string(v)))
	case []any:
		all := slices.Clone(v)
		for i, item := range v {
			all[i] = ownValue(item)
		}
		return all
	case access.Object:
		if v == nil {
			return v
		}
		all := make(access.Object, len(v))
		for name, item := range v {
			all[strings.Clone(name)] = ownValue(item)
		}
		return all
	}
	return value
}
