package access

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// What is said about a token is often a part of its text: a header with input.subject.id in it is a
// part of the token's payload, and whoever keeps the one keeps the other. So who keeps something
// keeps copies, of its own.

// Own returns the decision with texts of its own. Those of reasons and challenges that policies
// did not choose, and the revision, are everybody's.
func (d Decision) Own() Decision {
	d.Reasons, d.Assurance = ownReasons(d.Reasons), d.Assurance.Own()
	d.Obligations, d.Headers = ownObjects(d.Obligations), ownTexts(d.Headers)
	if d.StepUp != nil {
		advice := d.StepUp.Own()
		d.StepUp = &advice
	}
	d.Challenges = slices.Clone(d.Challenges)
	for i := range d.Challenges {
		c := &d.Challenges[i]
		c.ACRValues, c.Scope = ownList(c.ACRValues), ownList(c.Scope)
	}
	return d
}

// Own returns the ruling with texts of its own.
func (r Ruling) Own() Ruling {
	r.Reasons = ownReasons(r.Reasons)
	r.Obligations, r.Labels = ownObjects(r.Obligations), ownObjects(r.Labels)
	r.Headers = ownTexts(r.Headers)
	return r
}

// Own returns the assurance with texts of its own.
func (a Assurance) Own() Assurance {
	a.Level, a.Levels, a.Methods = strings.Clone(a.Level), ownList(a.Levels), ownList(a.Methods)
	return a
}

// Own returns the advice with texts of its own. Its level and acr values are the policy's and the
// vocabulary's.
func (a StepUpAdvice) Own() StepUpAdvice {
	a.AuthorizationRequest = ownTexts(a.AuthorizationRequest)
	a.Alternatives = slices.Clone(a.Alternatives)
	for i, other := range a.Alternatives {
		a.Alternatives[i] = other.Own()
	}
	return a
}

func ownReasons(list []Reason) []Reason {
	all := slices.Clone(list)
	for i, r := range list {
		all[i] = Reason{Code(strings.Clone(string(r.Code))), strings.Clone(r.Message)}
	}
	return all
}

func ownList(list []string) []string {
	all := slices.Clone(list)
	for i, text := range list {
		all[i] = strings.Clone(text)
	}
	return all
}

func ownTexts(texts map[string]string) map[string]string {
	all := maps.Clone(texts)
	for name, value := range texts {
		all[name] = strings.Clone(value)
	}
	return all
}

func ownObjects(list []Object) []Object {
	all := slices.Clone(list)
	for i, o := range list {
		all[i] = ownValue(o).(Object)
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
	case Object:
		if v == nil {
			return v
		}
		all := make(Object, len(v))
		for name, item := range v {
			all[strings.Clone(name)] = ownValue(item)
		}
		return all
	}
	return value
}
