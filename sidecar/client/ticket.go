package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Ticket is a request that was kept while its sender signs in more strongly.
type Ticket struct {
	Session string // whose it is
	Method  string
	Path    string // with the query
	// Header has Content-Type, and Origin and Sec-Fetch-Site: by these a handler can tell,
	// as it could at first, that the form was its own.
	Header  http.Header
	Body    []byte
	Expires time.Time
}

// kept are the headers of a request that a ticket keeps. All others are as they are when
// the ticket is brought back.
var kept = []string{"Content-Type", "Origin", "Sec-Fetch-Site"}

// ErrFull says that no more tickets can be kept.
var ErrFull = errors.New("no room for another ticket")

// A TicketStore keeps tickets. It must be safe for concurrent use. It is trusted to forget
// and to lose, and not to change: what comes back is held to the ticket's name.
type TicketStore interface {
	Put(ctx context.Context, id string, t Ticket) error
	// Get returns a ticket; false: there is none.
	Get(ctx context.Context, id string) (Ticket, bool, error)
	// Take returns a ticket and removes it in one step: of two callers one gets it.
	Take(ctx context.Context, id string) (Ticket, bool, error)
}

// Bounds of the tickets in memory.
const (
	DefaultTickets    = 256
	ticketsPerSession = 4
)

// MemoryTickets keeps tickets in memory, a bounded number of them. The zero value keeps
// [DefaultTickets]. It is safe for concurrent use.
type MemoryTickets struct {
	Size int              // 0: [DefaultTickets]
	Now  func() time.Time // nil: the system's clock

	mu   sync.Mutex
	kept map[string]Ticket
}

// Put keeps a ticket. When nothing has expired and there is no room, a session's own oldest
// ticket goes if it has several; else [ErrFull]: nobody's form is thrown away for another's.
func (m *MemoryTickets) Put(_ context.Context, id string, t Ticket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	if oldest, n := m.oldestOf(t.Session); n >= ticketsPerSession {
		delete(m.kept, oldest)
	}
	size := m.Size
	if size <= 0 {
		size = DefaultTickets
	}
	if len(m.kept) >= size {
		return ErrFull
	}
	if m.kept == nil {
		m.kept = map[string]Ticket{}
	}
	m.kept[id] = t
	return nil
}

// Get returns a ticket that has not expired.
func (m *MemoryTickets) Get(_ context.Context, id string) (Ticket, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	t, there := m.kept[id]
	return t, there, nil
}

// Take returns a ticket that has not expired, and forgets it.
func (m *MemoryTickets) Take(_ context.Context, id string) (Ticket, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	t, there := m.kept[id]
	delete(m.kept, id)
	return t, there, nil
}

func (m *MemoryTickets) expire() {
	now := time.Now()
	if m.Now != nil {
		now = m.Now()
	}
	for id, t := range m.kept {
		if !t.Expires.After(now) {
			delete(m.kept, id)
		}
	}
}

func (m *MemoryTickets) oldestOf(session string) (oldest string, n int) {
	for id, t := range m.kept {
		if t.Session != session {
			continue
		}
		if n++; oldest == "" || t.Expires.Before(m.kept[oldest].Expires) {
			oldest = id
		}
	}
	return oldest, n
}

// errUnkept says why a body cannot be kept; the person has to send it again.
var errUnkept = errors.New("the body cannot be kept")

// keep puts a request away and returns the name of its ticket, which is bound by a MAC to
// session, method, path and body.
func (s *StepUp) keep(r *http.Request) (name string, err error) {
	session := s.config.Session(r)
	// A form that another site posted is none that this person filled in.
	if s.config.Tickets == nil || session == "" || r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return "", errUnkept
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, s.config.MaxBody+1))
	if err != nil || int64(len(body)) > s.config.MaxBody {
		return "", errUnkept
	}
	t := Ticket{
		Session: session, Method: r.Method, Path: r.URL.RequestURI(), Header: http.Header{},
		Body: body, Expires: s.config.Now().Add(s.config.Remember),
	}
	for _, name := range kept {
		t.Header[name] = r.Header.Values(name)
	}
	id := rand.Text()
	if err := s.config.Tickets.Put(r.Context(), id, t); err != nil {
		return "", fmt.Errorf("%w: %w", errUnkept, err)
	}
	return id + "." + s.bind(id, t), nil
}

// bind is the MAC of a ticket.
func (s *StepUp) bind(id string, t Ticket) string {
	digest := sha256.Sum256(t.Body)
	bound := []string{id, t.Session, t.Method, t.Path, string(digest[:])}
	for _, name := range kept {
		bound = append(bound, strings.Join(t.Header[name], "\n"))
	}
	return sign(s.config.Secret, "ticket", bound...)
}

// restore makes the request of a ticket anew, on top of the one that brought it: with its
// cookies and headers as they are now, and method, address and body as they were.
func (t Ticket) restore(r *http.Request) (*http.Request, error) {
	restored := r.Clone(r.Context())
	address, err := r.URL.Parse(t.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the ticket's path: %w", err)
	}
	restored.Method, restored.URL, restored.RequestURI = t.Method, address, t.Path
	for _, name := range kept {
		restored.Header.Del(name)
		for _, value := range t.Header[name] {
			restored.Header.Add(name, value)
		}
	}
	restored.Body, restored.ContentLength = io.NopCloser(bytes.NewReader(t.Body)), int64(len(t.Body))
	restored.Form, restored.PostForm, restored.MultipartForm = nil, nil, nil
	return restored, nil
}
