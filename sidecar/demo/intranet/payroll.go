package intranet

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stepup/sidecar/client"
)

// Bounds of one transfer, and of how many a page shows.
const (
	maxEuros     = 25_000
	maxReference = 60
	maxTransfers = 20
)

// A transfer is money that was sent, latest first in its session.
type transfer struct {
	ID        string
	To        employee
	Cents     int64
	Reference string
	At        time.Time
}

// A transferForm is what somebody filled in, and what is wrong with it.
type transferForm struct {
	To, Amount, Reference string
	Wrong                 map[string]string // by field
}

func (i *Intranet) showPayroll(w http.ResponseWriter, r *http.Request) {
	i.showTransfers(w, r, transferForm{}, http.StatusOK)
}

func (i *Intranet) showTransfers(w http.ResponseWriter, r *http.Request, form transferForm, status int) {
	s := i.sessionOf(r)
	if s == nil {
		i.fault(w, r, errNoPerson)
		return
	}
	v := view{Page: "payroll", Title: "Payroll", Status: status, Employees: employees(), Form: form, Transfers: s.sent()}
	v.Done = len(v.Transfers) > 0 && v.Transfers[0].ID == r.URL.Query().Get("sent")
	i.show(w, r, v)
}

// transfersOnly lets posted forms by, and those that come back from a step-up with a
// ticket; everybody else wants the form.
func (i *Intranet) transfersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost || r.URL.Query().Has(client.ResumeParameter):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, "/payroll", http.StatusSeeOther)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			i.tell(w, r, notice{Status: http.StatusMethodNotAllowed, Title: "Not this way", Text: "Transfers are sent with the form."})
		}
	})
}

// postTransfer sends money. The sidecar said yes already; whether the form is ours is
// looked at here, also for one that was kept over a step-up.
func (i *Intranet) postTransfer(w http.ResponseWriter, r *http.Request) {
	s := i.sessionOf(r)
	if err := r.ParseForm(); err != nil || !s.isOurs(r) {
		i.tell(w, r, forged())
		return
	}
	t, form := readTransfer(r)
	if len(form.Wrong) > 0 {
		i.showTransfers(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	t.ID, t.At = rand.Text()[:8], i.config.Now()
	s.send(t)
	i.config.Logger.InfoContext(r.Context(), "transfer sent", "id", t.ID)
	http.Redirect(w, r, "/payroll?sent="+t.ID, http.StatusSeeOther)
}

func (s *session) send(t transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfers = slices.Insert(s.transfers, 0, t)
	s.transfers = s.transfers[:min(len(s.transfers), maxTransfers)]
}

func (s *session) sent() []transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transfers)
}

func readTransfer(r *http.Request) (transfer, transferForm) {
	form := transferForm{
		To: r.PostFormValue("to"), Amount: strings.TrimSpace(r.PostFormValue("amount")),
		Reference: strings.TrimSpace(r.PostFormValue("reference")), Wrong: map[string]string{},
	}
	t := transfer{Reference: form.Reference}
	var known bool
	if t.To, known = employeeByID(form.To); !known {
		form.Wrong["to"] = "Choose who gets the money."
	}
	var err error
	if t.Cents, err = readCents(form.Amount); err != nil {
		form.Wrong["amount"] = "Enter an amount from 0.01 to 25000.00, such as 1250.00."
	}
	if len([]rune(form.Reference)) > maxReference {
		form.Wrong["reference"] = "Sixty characters are enough for a reference."
	}
	return t, form
}

var errAmount = errors.New("not an amount")

// readCents reads euros with at most two decimals, without a detour by binary fractions.
func readCents(text string) (int64, error) {
	whole, part, has := strings.Cut(text, ".")
	if whole == "" || len(whole) > 6 || len(part) > 2 || has && part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, errAmount
	}
	cents, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
	if err != nil || cents < 1 || cents > maxEuros*100 {
		return 0, errAmount
	}
	return cents, nil
}
