package intranet

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"

	"stepup/sidecar/client"
)

//go:embed pages
var pages embed.FS

// templates are parsed once, when the first page is shown; executing them changes nothing.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"euros": func(n int) string { return euros(int64(n) * 100) },
		"cents": euros,
	}).ParseFS(pages, "pages/*.html"))
})

// A view is what a page tells.
type view struct {
	Page   string
	Title  string
	Status int // 0: 200
	Script bool

	Path   string // of this page, to mark it in the menu
	Person string // who is signed in; empty: nobody
	CSRF   string
	Proof  *proof // how somebody got to this page; nil: it is open

	Notice    notice
	Customers []customer
	Employees []employee
	Form      transferForm
	Transfers []transfer
	Done      bool
	Yours     yours
	Provider  string
}

// A proof is how the person signed in, as the sidecar told when it allowed the page.
type proof struct {
	Level   string
	Methods []string
	Age     string // empty: not told
}

func (i *Intranet) showHome(w http.ResponseWriter, r *http.Request) {
	i.show(w, r, view{Page: "home", Title: "Fabrikam Intranet"})
}

func (i *Intranet) showCustomers(w http.ResponseWriter, r *http.Request) {
	i.show(w, r, view{Page: "customers", Title: "Customers", Customers: customers()})
}

func (i *Intranet) showEmployees(w http.ResponseWriter, r *http.Request) {
	i.show(w, r, view{Page: "employees", Title: "Employees", Employees: employees()})
}

func (i *Intranet) showSignedOut(w http.ResponseWriter, r *http.Request) {
	i.show(w, r, view{Page: "notice", Title: "You are signed out", Notice: notice{
		Title: "You are signed out", Text: "Of the intranet, and of Fabrikam's provider.", SignIn: "/sign-in",
	}})
}

func (i *Intranet) showMissing(w http.ResponseWriter, r *http.Request) {
	i.tell(w, r, notice{Status: http.StatusNotFound, Title: "There is no such page", Text: "The menu has all that there are."})
}

func (i *Intranet) fault(w http.ResponseWriter, r *http.Request, err error) {
	i.config.Logger.ErrorContext(r.Context(), "showing a page", "path", r.URL.Path, "error", err)
	i.tell(w, r, notice{Status: http.StatusServiceUnavailable, Title: "Not just now", Text: "Something went wrong here. Please try again in a moment.", Retry: r.URL.Path})
}

// show writes a page.
func (i *Intranet) show(w http.ResponseWriter, r *http.Request, v view) {
	v.Path = r.URL.Path
	if s := i.sessionOf(r); s != nil {
		v.Person, v.CSRF = s.name, s.csrf
	}
	if answer, there := client.Decided(r.Context()); there {
		v.Proof = i.proofOf(answer.Assurance)
	}
	var page bytes.Buffer
	if err := templates().ExecuteTemplate(&page, v.Page+".html", v); err != nil {
		i.config.Logger.ErrorContext(r.Context(), "writing a page", "error", err)
		http.Error(w, "The page could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(max(v.Status, http.StatusOK))
	_, _ = w.Write(page.Bytes()) // whoever asked may be gone
}

func (i *Intranet) proofOf(a client.Assurance) *proof {
	p := &proof{Level: a.Level, Methods: a.Methods}
	if a.AuthTime > 0 {
		p.Age = ago(i.config.Now().Sub(time.Unix(a.AuthTime, 0)))
	}
	return p
}

// ago tells a time that has passed as people do.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Minute:
		return "a minute ago"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " minutes ago"
	case d < 2*time.Hour:
		return "an hour ago"
	}
	return strconv.Itoa(int(d/time.Hour)) + " hours ago"
}

// euros writes an amount with thousands apart.
func euros(cents int64) string {
	whole, part := strconv.FormatInt(cents/100, 10), cents%100
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u202f" + whole[i:]
	}
	if part == 0 {
		return "€\u00a0" + whole
	}
	return fmt.Sprintf("€\u00a0%s.%02d", whole, part)
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, pages, "pages"+r.URL.Path)
}
