package client

import (
	"html/template"
	"net/http"
)

// A Page is what a person is told instead of what they wanted.
type Page struct {
	Status int
	Code   string // a reason of the sidecar's, step_up_unmet, unavailable or cannot_resume
	Title  string
	Text   string
	Retry  string // where to try again; empty: that does not help
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{{.Title}}</title></head>
<body><main><h1>{{.Title}}</h1><p>{{.Text}}</p>{{with .Retry}}<p><a href="{{.}}">Try again</a></p>{{end}}</main></body></html>
`))

// writePage is what is shown where the configuration has no pages of its own.
func writePage(w http.ResponseWriter, _ *http.Request, p Page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(p.Status)
	_ = page.Execute(w, p) // whoever asked may be gone
}

// The pages.

func unavailablePage(retry string) Page {
	return Page{http.StatusServiceUnavailable, unavailable, "Not just now",
		"It could not be checked whether you may see this. Nothing is wrong with your sign-in.", retry}
}

func unmetPage(retry string) Page {
	return Page{http.StatusForbidden, unmet, "Signing in again did not help",
		"This page asks for a stronger or more recent sign-in than your provider gave. You were not sent there again.", retry}
}

func deniedPage(a Answer) Page {
	p := Page{Status: http.StatusForbidden, Code: a.Code(), Title: "This is not allowed", Text: "You may not do this."}
	if a.Code() == unmet {
		return unmetPage("")
	}
	if len(a.Reasons) > 0 && a.Reasons[len(a.Reasons)-1].Message != "" {
		p.Text = a.Reasons[len(a.Reasons)-1].Message
	}
	return p
}

func unkeptPage() Page {
	return Page{http.StatusUnauthorized, cannotResume, "Sign in more strongly first",
		"What you sent needs a stronger sign-in, and it could not be kept for you. Go back, sign in more strongly, and send it again.", ""}
}

func spentPage() Page {
	return Page{http.StatusGone, cannotResume, "Nothing was sent",
		"What you had sent was kept for a while, and is not there any more: it was sent already, or it took too long.", ""}
}
