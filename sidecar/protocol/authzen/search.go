package authzen

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// maxSearched is how many entities one search looks through: each is a question of its own.
const maxSearched = 1000

// A searching is one of the three searches: for which entity of a question, among which
// ones, and how what is found is written.
type searching struct {
	members protocol.Members[question]
	// listed reports whether the policy's data lists such entities, and among returns those
	// to look through, as the question's type says.
	listed func(e access.Entities) bool
	among  func(q question, e access.Entities) []string
	// with returns the question about one of them; one that names no type is left as it is.
	with func(q question, id string) question
	// result writes one that is allowed.
	result func(q question, id string) any
	// asserted says that the subject is always the caller's word, so that no token fits.
	asserted bool
}

// searched are the members of a question, those of the searched entity read so that its id
// is ignored, as the specification wants.
func searched(name string, read func(*decoder, *question) error) protocol.Members[question] {
	members := protocol.Members[question]{name: read}
	for other, read := range questionMembers {
		if other != name {
			members[other] = read
		}
	}
	return members
}

type entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func subjects() searching {
	members := protocol.Members[access.Subject]{
		"type":       func(d *decoder, s *access.Subject) error { return d.Name(&s.Type) },
		"properties": func(d *decoder, s *access.Subject) error { return d.Free(&s.Properties) },
	}
	return searching{
		members: searched("subject", func(d *decoder, q *question) error {
			q.Subject = &access.Subject{}
			return protocol.Object(d, members, q.Subject)
		}),
		asserted: true,
		listed:   func(e access.Entities) bool { return len(e.Subjects) > 0 },
		among:    func(q question, e access.Entities) []string { return e.Subjects[q.Subject.Type] },
		with: func(q question, id string) question {
			if q.Subject != nil {
				subject := *q.Subject
				subject.ID, q.Subject = id, &subject
			}
			return q
		},
		result: func(q question, id string) any { return entity{q.Subject.Type, id} },
	}
}

func resources() searching {
	members := protocol.Members[access.Resource]{
		"type":       func(d *decoder, r *access.Resource) error { return d.Name(&r.Type) },
		"properties": func(d *decoder, r *access.Resource) error { return d.Free(&r.Properties) },
	}
	return searching{
		members: searched("resource", func(d *decoder, q *question) error {
			q.Resource = &access.Resource{}
			return protocol.Object(d, members, q.Resource)
		}),
		listed: func(e access.Entities) bool { return len(e.Resources) > 0 },
		among:  func(q question, e access.Entities) []string { return e.Resources[q.Resource.Type] },
		with: func(q question, id string) question {
			if q.Resource != nil {
				resource := *q.Resource
				resource.ID, q.Resource = id, &resource
			}
			return q
		},
		result: func(q question, id string) any { return entity{q.Resource.Type, id} },
	}
}

func actions() searching {
	return searching{
		members: searched("action", func(d *decoder, _ *question) error { return d.Over() }),
		listed:  func(e access.Entities) bool { return len(e.Actions) > 0 },
		among:   func(_ question, e access.Entities) []string { return e.Actions },
		with: func(q question, name string) question {
			q.Action = &access.Action{Name: name}
			return q
		},
		result: func(_ question, name string) any { return map[string]string{"name": name} },
	}
}

// search answers which entities are allowed: every one that the policy's data lists is a
// question of its own, and all are told at once, without pages.
func (d *Door) search(s searching) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, token, err := d.read(c)
		if err != nil {
			return err
		}
		entities, listed, err := d.cfg.Entities(c.Request().Context())
		switch {
		case err != nil:
			return err
		case !listed || !s.listed(entities):
			return notConfigured()
		}
		var q question
		if err := readQuestion(fragment{Text: body}, s.members, &q); err != nil {
			return err
		}
		candidates, err := s.candidates(q, entities, token)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), d.cfg.Patience)
		defer cancel()
		results, err := d.results(ctx, s, q, candidates, token)
		if err != nil {
			return err
		}
		return send(c, map[string]any{"results": results})
	}
}

func notConfigured() error {
	return protocol.Refused(http.StatusNotFound, "This search is not configured: the policy's data lists no such entities below its package.")
}

// candidates returns the entities to ask about, and asks for whatever else the question
// needs. A type of subject that is not known is no error in a search: nothing is found.
func (s searching) candidates(q question, e access.Entities, token string) ([]string, error) {
	hasToken := q.Token != "" || q.IDToken != "" || token != ""
	if s.asserted && hasToken {
		return nil, protocol.Refused(http.StatusBadRequest, "Subjects cannot be searched with a token, which tells of one only: leave it out.")
	}
	probe := s.with(q, "-")
	strange := !hasToken && q.Subject != nil && q.Subject.Type != "" && !slices.Contains(subjectTypes(), q.Subject.Type)
	if strange {
		probe.Subject = &access.Subject{Type: access.SubjectUser, ID: probe.Subject.ID}
	}
	if _, err := probe.complete("", token); err != nil || strange {
		return nil, err
	}
	return s.among(q, e), nil
}

// results asks about every candidate. What cannot be decided about one is an error of the
// whole: a search that leaves something out would read as "there is no more".
func (d *Door) results(ctx context.Context, s searching, q question, candidates []string, token string) ([]any, error) {
	if len(candidates) > maxSearched {
		return nil, &protocol.Problem{
			Status: http.StatusInternalServerError,
			Detail: fmt.Sprintf("The policy's data lists more than %d entities of this type, too many to search.", maxSearched),
		}
	}
	results := []any{}
	for _, id := range candidates {
		if err := protocol.InTime(ctx); err != nil {
			return nil, err
		}
		answer, err := d.decide(ctx, s.with(q, id), "", token)
		if err != nil {
			return nil, err
		}
		if answer.Decision {
			results = append(results, s.result(q, id))
		}
	}
	return results, nil
}
