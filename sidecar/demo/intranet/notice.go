package intranet

import (
	"net/http"

	"stepup/sidecar/client"
)

// A notice is what a person is told instead of what they wanted.
type notice struct {
	Status int
	Title  string
	Text   string
	More   string
	Code   string // for who looks after the system; empty: none
	Retry  string // where to try again; empty: that does not help
	SignIn string // where to sign in; empty: that does not help
}

// showTold shows what the guard has to say.
func (i *Intranet) showTold(w http.ResponseWriter, r *http.Request, p client.Page) {
	n := notice{Status: p.Status, Title: p.Title, Text: p.Text, Code: p.Code, Retry: p.Retry}
	switch p.Code {
	case "step_up_unmet":
		n.More = "You are still signed in, and the other pages work. If you see this again, tell whoever looks after the sign-in: the provider may not do what it is asked."
	case "cannot_resume":
		n.Retry = ""
		n.More = "Go back to the form and look at what was sent before you send it again."
	}
	i.tell(w, r, n)
}

func (i *Intranet) tell(w http.ResponseWriter, r *http.Request, n notice) {
	i.show(w, r, view{Page: "notice", Title: n.Title, Status: n.Status, Notice: n})
}

func expiredSignIn() notice {
	return notice{
		Status: http.StatusBadRequest, Title: "This sign-in has expired",
		Text:   "It was finished already, took too long, or was begun in another browser.",
		SignIn: "/sign-in",
	}
}

// refusedSignIn tells what the provider answered instead of a code (RFC 6749, section
// 4.1.2.1). Whoever was signed in still is.
func refusedSignIn(code, returnTo string, signedIn bool) notice {
	switch code {
	case "unmet_authentication_requirements":
		return notice{
			Status: http.StatusForbidden, Title: "Your account cannot sign in that strongly", Code: code,
			Text: "This page asks for a kind of sign-in that is not set up for you, such as a passkey.",
			More: map[bool]string{true: "You are still signed in as before. ", false: "You are not signed in yet; other pages may ask for less. "}[signedIn] +
				"Ask the service desk for what is missing, then try again.",
		}
	case "access_denied":
		return notice{
			Status: http.StatusForbidden, Title: "You did not sign in", Code: code,
			Text:  "You came back without finishing, so this page stays closed. Everything that was open to you before still is.",
			Retry: returnTo,
		}
	}
	return notice{
		Status: http.StatusBadGateway, Title: "The provider did not sign you in", Code: printable(code),
		Text: "It answered with an error. Please try again in a moment.", Retry: returnTo,
	}
}

// printable is an error code that is one (RFC 6749, section 4.1.2.1: NQCHAR), and short.
func printable(code string) string {
	for _, c := range code {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return ""
		}
	}
	return code[:min(len(code), 64)]
}

func somebodyElse() notice {
	return notice{
		Status: http.StatusForbidden, Title: "Somebody else signed in",
		Text: "You left to sign in more strongly, and another person came back. Nothing was opened.",
		More: "To go on as that person, sign out here first.",
	}
}

func forged() notice {
	return notice{
		Status: http.StatusForbidden, Title: "Nothing was sent",
		Text: "This form did not come from a page that was shown to you here, or that was too long ago. Open it again and send it from there.",
	}
}
