package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stepup/sidecar/demo/idp"
	"stepup/sidecar/demo/intranet"
)

// TestDemoInBrowser walks through the Fabrikam Intranet as people do.
func TestDemoInBrowser(t *testing.T) {
	browser := newBrowser(t)
	for _, row := range []struct {
		name    string
		options demoOptions
		walk    func(*visitor)
	}{
		{"sign in and out", demoOptions{}, walkSignInAndOut},
		{"what a script gets", demoOptions{}, walkScript},
		{"employees with a code", demoOptions{}, walkEmployees},
		{"employees by the ID token", demoOptions{reads: intranet.IDToken}, walkEmployees},
		{"employees with the ID token as evidence", demoOptions{reads: intranet.BothTokens}, walkEmployees},
		{"a code works once", demoOptions{}, walkCodeOnce},
		{"a step-up given up", demoOptions{}, walkGivenUp},
		{"a step-up given up and a token renewed", demoOptions{}, walkGivenUpRenewed},
		{"straight to employees", demoOptions{}, walkStraight},
		{"payroll with a passkey", demoOptions{}, walkPayroll},
		{"payroll by the ID token", demoOptions{reads: intranet.IDToken}, walkPayroll},
		{"payroll without a passkey", demoOptions{}, walkNoPasskey},
		{"payroll without a passkey by the ID token", demoOptions{reads: intranet.IDToken}, walkNoPasskey},
		{"a sign-in that ages", demoOptions{}, walkAgeing},
		{"a sign-in that ages by the ID token", demoOptions{reads: intranet.IDToken}, walkAgeing},
		{"a sign-in that ages with evidence", demoOptions{reads: intranet.BothTokens}, walkAgeing},
		{"somebody who cannot", demoOptions{}, walkCannot},
		{"somebody else comes back", demoOptions{}, walkSomebodyElse},
		{"a provider that ignores acr_values", demoOptions{misbehave: idp.Misbehave{IgnoreACRValues: true}}, walkIgnored},
		{"a provider that ignores max_age", demoOptions{misbehave: idp.Misbehave{IgnoreMaxAge: true}}, walkStale},
		{"a provider with an old auth_time", demoOptions{misbehave: idp.Misbehave{OldAuthTime: 2 * time.Hour}}, walkOld},
		{"a provider that sends no auth_time", demoOptions{misbehave: idp.Misbehave{NoAuthTime: true}}, walkOld},
		{"a provider that ignores both", demoOptions{misbehave: idp.Misbehave{IgnoreACRValues: true, IgnoreMaxAge: true}}, walkIgnored},
		{"a provider that drops amr", demoOptions{misbehave: idp.Misbehave{DropAMR: true}}, walkStraight},
		{"two tabs", demoOptions{}, walkTwoTabs},
		{"a provider that is down", demoOptions{misbehave: idp.Misbehave{Down: true}}, walkDown},
		{"a provider that is down for a while", demoOptions{}, walkDownMeanwhile},
	} {
		t.Run(row.name, func(t *testing.T) { row.walk(newVisitor(t, browser, row.options)) })
	}
}

func walkSignInAndOut(v *visitor) {
	v.open("/")
	v.sees("Fabrikam Intranet", "Sign in")
	v.pictureAll("home")
	v.open("/customers")
	v.sees("Sign in", "Fabrikam Intranet")
	v.picture("provider password")
	v.signIn("alice")
	v.sees("Customers", "Northwind Traders", "Alice Adams", "normal")
	v.at("/customers")
	v.went(1)
	v.pictureAll("customers")
	v.press("Your sign-in")
	v.sees("Your sign-in", "authentication_level", `"normal"`, "Sign in with mfa, at most one hour ago", "Sign in with phr, at most 5 minutes ago")
	v.pictureAll("your sign-in")
	v.press("Sign out")
	v.sees("You are signed out")
	v.at("/signed-out")
	v.picture("signed out")
	v.open("/customers")
	v.sees("Sign in") // the provider forgot too
}

func walkScript(v *visitor) {
	v.open("/session")
	v.signIn("alice")
	v.sees("Your sign-in")
	v.went(1)
	v.do("asking as a script", chromedp.Click(`button[data-ask="/employees"]`))
	v.sees("Your sign-in", "HTTP 401", "insufficient_user_authentication", `max_age="3600"`, `"outcome": "step_up"`)
	v.picture("your sign-in script")
	v.do("asking as a script", chromedp.Click(`button[data-ask="/customers"]`))
	v.sees("Your sign-in", "HTTP 200")
	v.went(0)
}

func walkEmployees(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	v.went(1)
	v.press("Employees")
	v.sees("Enter your code") // and no password: the provider knows who this is
	v.picture("provider code")
	v.fill("code", "000000")
	v.press("Continue")
	v.sees("Enter your code", "This code does not count")
	v.picture("provider code wrong")
	v.enterCode()
	v.sees("Employees", "€\u00a061\u202f200", "mfa", "otp")
	v.at("/employees")
	v.went(1)
	v.pictureAll("employees")
	v.press("Customers")
	v.sees("Customers", "mfa")
	v.press("Employees")
	v.sees("Employees")
	v.went(0)
}

func walkCodeOnce(v *visitor) {
	code := v.demo.code(v.user("alice")) // the same twice, though the next one be shown meanwhile
	v.open("/employees")
	v.signIn("alice")
	v.enter(code)
	v.sees("Employees")
	v.press("Sign out")
	v.sees("You are signed out")
	v.open("/employees")
	v.signIn("alice")
	v.enter(code)
	v.sees("Enter your code", "Each code works once")
	v.passTime(time.Minute)
	v.enterCode()
	v.sees("Employees")
}

func walkGivenUp(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	v.press("Employees")
	v.sees("Enter your code")
	v.press("Cancel and go back")
	v.sees("You did not sign in")
	v.pictureAll("given up")
	v.press("Customers")
	v.sees("Customers", "normal")
	v.press("Employees")
	v.enterCode()
	v.sees("Employees")
	v.went(3)
}

// walkGivenUpRenewed gives a step-up up and tries again when the token was renewed
// meanwhile: that is no other login, and nobody is told that signing in did not help.
func walkGivenUpRenewed(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	v.passTime(10 * time.Minute)
	v.press("Employees")
	v.sees("Enter your code")
	v.press("Cancel and go back")
	v.sees("You did not sign in")
	v.passTime(6 * time.Minute)
	v.press("Employees")
	v.enterCode()
	v.sees("Employees")
}

func walkStraight(v *visitor) {
	v.open("/employees")
	v.signIn("alice")
	v.enterCode()
	v.sees("Employees", "Carol Clark")
	v.at("/employees")
	v.went(1)
}

// walkTwoTabs leaves in two tabs, and is asked for one code.
func walkTwoTabs(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	tab, closeTab := chromedp.NewContext(v.ctx)
	defer closeTab()
	other := &visitor{T: v.T, ctx: tab, demo: v.demo}
	v.press("Employees")
	v.sees("Enter your code")
	other.open("/employees")
	other.sees("Enter your code")
	v.enterCode()
	v.sees("Employees", "Carol Clark")
	other.do("loading the provider's page again", chromedp.Reload())
	other.sees("Employees", "Carol Clark")
	v.open("/employees")
	v.sees("Employees", "Carol Clark")
	v.went(2) // to sign in, and for the code
}

func walkPayroll(v *visitor) {
	v.addPasskeys()
	v.open("/payroll")
	v.signIn("carol")
	v.sees("Create a passkey")
	v.picture("provider create passkey")
	v.press("Create passkey")
	v.sees("Use your passkey")
	v.picture("provider passkey")
	v.press("Use passkey")
	v.sees("Payroll", "New transfer", "phr")
	v.went(1) // the form asked before it was filled in

	v.press("Send")
	v.sees("Payroll", "Choose who gets the money")
	v.picture("payroll wrong")
	v.transfer("erin", "1150.50", "November")
	v.press("Send")
	v.sees("Payroll", "1\u202f150.50 are on their way to Erin Evans")
	v.at("/payroll")
	v.pictureAll("payroll")
	v.went(0)

	// A form that is not the intranet's own sends nothing.
	v.transfer("dev", "9999", "not mine")
	v.do("forging", chromedp.Evaluate[chromedp.Void](`document.querySelector("form[action='/payroll/transfers'] [name=csrf]").value = "AAAAAAAAAAAAAAAAAAAAAAAAAA"`))
	v.press("Send")
	v.sees("Nothing was sent")
	v.open("/payroll")
	v.sees("Payroll", "Erin Evans")

	// Five minutes are over while the form is filled in: it is kept over the passkey.
	v.transfer("bob", "75", "Ladder, and what fell off it")
	v.passTime(6 * time.Minute)
	v.press("Send")
	v.sees("Use your passkey")
	v.press("Use passkey")
	v.sees("Payroll", "75 are on their way to Bob Baker", "Ladder, and what fell off it", "Erin Evans")
	v.at("/payroll")
	v.went(1)
	v.do("loading it again", chromedp.Reload())
	v.sees("Payroll", "Bob Baker")
	if sent, err := chromedp.Run(v.ctx, chromedp.Evaluate[int](`document.querySelectorAll(".transfers li").length`)); err != nil || sent != 2 {
		v.Errorf("%d transfers were sent (%v), want 2", sent, err)
	}
}

// transfer fills in the form.
func (v *visitor) transfer(to, amount, reference string) {
	v.Helper()
	v.do("choosing "+to, chromedp.SetValue(chromedp.CSS("#to"), to))
	v.fill("amount", amount)
	v.fill("reference", reference)
}

func walkAgeing(v *visitor) {
	v.open("/employees")
	v.signIn("alice")
	v.enterCode()
	v.sees("Employees")
	v.went(1)
	v.passTime(2 * time.Hour)
	v.press("Customers")
	v.sees("Customers", "2 hours ago") // fell back, without a trip
	v.went(0)
	v.press("Your sign-in")
	v.sees("Your sign-in", "Sign in with mfa, at most one hour ago")
	v.picture("your sign-in aged")
	v.press("Employees")
	v.prove()
	v.sees("Employees", "just now")
	v.went(1)
}

// prove gives what the provider asks Alice for, whichever it is.
func (v *visitor) prove() {
	v.Helper()
	for range 2 {
		h1 := v.heading("Sign in", "Enter your code", "Employees")
		switch h1 {
		case "Sign in":
			v.fill("password", v.user("alice").Password)
			v.press("Continue")
			v.sees("Enter your code") // or the page before would be taken for another one
		case "Enter your code":
			v.enterCode()
			return
		}
	}
}

// heading waits for one of several pages.
func (v *visitor) heading(of ...string) string {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, endurance)
	defer cancel()
	for ctx.Err() == nil {
		h1, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.readyState == "complete" && document.querySelector("h1")?.textContent || ""`))
		for _, one := range of {
			if err == nil && h1 == one {
				return h1
			}
		}
	}
	v.Fatalf("waited for one of %q; the page shows\n%s", of, v.text())
	return ""
}

func walkCannot(v *visitor) {
	v.open("/employees")
	v.signIn("bob")
	v.sees("Your account cannot sign in that strongly", "You are not signed in yet")
	v.press("Customers")
	v.sees("Customers", "Bob Baker")
	v.went(2)
	v.press("Employees")
	v.sees("Your account cannot sign in that strongly", "You are still signed in", "unmet_authentication_requirements")
	v.picture("cannot")
	v.went(1)
	v.press("Customers")
	v.sees("Customers", "Bob Baker")
}

// walkNoPasskey has a second factor, which is not enough to send money.
func walkNoPasskey(v *visitor) {
	v.open("/employees")
	v.signIn("alice")
	v.enterCode()
	v.sees("Employees")
	v.press("Payroll")
	v.sees("Your account cannot sign in that strongly")
	v.press("Employees")
	v.sees("Employees", "Carol Clark")
}

func walkSomebodyElse(v *visitor) {
	v.open("/customers")
	v.signIn("bob")
	v.sees("Customers", "Bob Baker")
	v.open("/session")
	v.sees("Your sign-in")
	v.do("another person signs in at the provider", chromedp.Navigate(v.demo.providerURL+"/end_session"))
	v.sees("Sign out?")
	v.press("Sign out")
	v.sees("Signed out")
	v.open("/employees")
	v.signIn("alice")
	v.sees("Sign in", "The application asks for somebody else")
	v.picture("provider somebody else")
}

func walkIgnored(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	v.went(1)
	v.press("Employees")
	v.sees("Signing in again did not help", "step_up_unmet")
	v.went(1)
	v.pictureAll("unmet")
	v.open("/employees")
	v.sees("Signing in again did not help")
	if trips := v.travelled(); trips > 1 {
		v.Errorf("%d more trips, want at most one", trips)
	}
	v.open("/customers")
	v.sees("Customers", "Alice Adams")
}

func walkStale(v *visitor) {
	v.open("/employees")
	v.signIn("alice")
	v.enterCode()
	v.sees("Employees")
	v.went(1)
	v.passTime(2 * time.Hour)
	v.press("Employees")
	v.sees("Signing in again did not help")
	if trips := v.travelled(); trips > 2 {
		v.Errorf("%d trips, want at most two", trips)
	}
}

func walkOld(v *visitor) {
	v.open("/employees")
	v.signIn("alice")
	v.enterCode()
	v.sees("Signing in again did not help")
	if trips := v.travelled(); trips > 2 {
		v.Errorf("%d trips, want at most two", trips)
	}
}

func walkDown(v *visitor) {
	v.open("/session")
	v.sees("Sign-in is not available")
	v.picture("provider down")
}

func walkDownMeanwhile(v *visitor) {
	v.open("/customers")
	v.signIn("alice")
	v.sees("Customers")
	v.demo.follow("misbehave down")
	v.passTime(20 * time.Minute) // the token has to be renewed
	v.open("/customers")
	v.sees("Not just now")
	v.picture("not just now")
	v.demo.follow("behave")
	v.press("Try again")
	v.sees("Customers", "20 minutes ago")
	v.went(1)
}
