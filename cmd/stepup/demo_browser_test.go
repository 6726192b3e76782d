package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"stepup/sidecar/demo/idp"
)

// pictures is where screenshots of the pages are kept; git ignores it.
const pictures = "../../test-output/demo"

// documented are the pictures that docs/fabrikam.md shows. With -update they are put there.
var documented = []string{"home", "your sign-in", "provider code", "employees", "payroll", "unmet"}

// newBrowser starts a headless Chromium. Where there is none the test is left out, which
// CI must not.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	switch {
	case program == "" && os.Getenv("CI") == "true":
		t.Fatal("no browser: .ci/parts installs one")
	case program == "":
		t.Skip("LEFT OUT: the demonstration in a browser, which needs Chromium (.ci/parts installs it)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.WSURLReadTimeout(endurance), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return ctx
}

// A visitor is somebody with a browser of their own at a demonstration of their own.
type visitor struct {
	*testing.T
	ctx  context.Context
	demo *demo

	mu     sync.Mutex
	trips  int      // to the provider's authorization endpoint
	issues []string // what the browser refused
}

func newVisitor(t *testing.T, browser context.Context, o demoOptions) *visitor {
	t.Helper()
	d, stop := newDemoFor(t, o)
	return visitorOf(t, browser, d, stop)
}

// visitorOf is a visitor of a demonstration that runs, and is stopped after the visit.
func visitorOf(t *testing.T, browser context.Context, d *demo, stop func()) *visitor {
	t.Helper()
	v := &visitor{T: t, demo: d}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(v.notice))
	v.ctx = tab
	t.Cleanup(func() {
		if t.Failed() {
			v.picture("failed " + filepath.Base(t.Name()))
		}
		closeTab()
		stop()
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, issue := range v.issues {
			t.Errorf("the browser says: %s", issue)
		}
	})
	v.do("opening a tab", chromedp.EmulateViewport(1100, 760), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(v.ctx, network.Enable, network.EnableParams{})
		return err
	}))
	return v
}

// notice counts trips, and keeps what a strict content policy refused.
func (v *visitor) notice(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if strings.HasPrefix(e.Request.URL, v.demo.providerURL+"/authorize") {
			v.trips++
		}
	case *cdplog.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			v.issues = append(v.issues, e.Entry.Text)
		}
	}
}

// travelled returns the trips to the provider since it was asked last.
func (v *visitor) travelled() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.trips
	v.trips = 0
	return n
}

func (v *visitor) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, endurance)
	defer cancel()
	if err := chromedp.Do(v.ctx); err != nil {
		v.Fatalf("%s: %v", what, err)
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.Fatalf("%s: %v\n%s", what, err, v.text())
	}
}

// open goes to a page of the intranet.
func (v *visitor) open(path string) {
	v.Helper()
	v.do("opening "+path, chromedp.Navigate(v.demo.intranetURL+path))
}

func (v *visitor) fill(field, text string) {
	v.Helper()
	v.do("filling in "+field, chromedp.Clear(chromedp.CSS("#"+field)), chromedp.SendKeys(chromedp.CSS("#"+field), text))
}

// press presses the button, or follows the link, with a text.
func (v *visitor) press(text string) {
	v.Helper()
	v.do("pressing "+text, chromedp.Click(fmt.Sprintf(`//main//*[(self::button or self::a) and normalize-space()=%q] | //header//*[(self::button or self::a) and normalize-space()=%q]`, text, text)))
}

// text is what the page shows.
func (v *visitor) text() string {
	text, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.title + " " + location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// sees waits for a page with a heading and with texts.
func (v *visitor) sees(heading string, texts ...string) {
	v.Helper()
	for deadline := time.Now().Add(endurance); ; time.Sleep(30 * time.Millisecond) {
		h1, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.readyState == "complete" && document.querySelector("h1")?.textContent || ""`))
		if err == nil && h1 == heading && containsAll(v.text(), texts) {
			return
		}
		if time.Now().After(deadline) {
			v.Fatalf("waited for %q with %q; the page shows\n%s", heading, texts, v.text())
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// at checks which page of the intranet this is.
func (v *visitor) at(path string) {
	v.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Location())
	if u, _ := url.Parse(got); err != nil || !strings.HasPrefix(got, v.demo.intranetURL) || u.Path != path {
		v.Errorf("at %s (%v), want %s%s", got, err, v.demo.intranetURL, path)
	}
}

// went checks how many trips to the provider there were.
func (v *visitor) went(want int) {
	v.Helper()
	if got := v.travelled(); got != want {
		v.Errorf("%d trips to the provider, want %d", got, want)
	}
}

// signIn gives name and password.
func (v *visitor) signIn(name string) {
	v.Helper()
	v.sees("Sign in")
	v.fill("name", name)
	v.fill("password", v.user(name).Password)
	v.press("Sign in")
}

func (v *visitor) user(name string) idp.User {
	v.Helper()
	for _, u := range idp.DemoUsers() {
		if u.Name == name {
			return u
		}
	}
	v.Fatalf("there is no %s", name)
	return idp.User{}
}

// enterCode gives the code that Alice's authenticator app shows.
func (v *visitor) enterCode() {
	v.Helper()
	v.enter("")
}

// enter gives a code; empty: the one that is shown when the page asks.
func (v *visitor) enter(code string) {
	v.Helper()
	v.sees("Enter your code")
	v.fill("code", cmp.Or(code, v.demo.code(v.user("alice"))))
	v.press("Continue")
}

// passTime lets time pass for all three.
func (v *visitor) passTime(d time.Duration) { v.demo.clock.Advance(d) }

// addPasskeys plugs an authenticator in, with a finger on it.
func (v *visitor) addPasskeys() {
	v.Helper()
	if _, err := chromedp.Call(v.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		v.Fatal(err)
	}
	_, err := chromedp.Call(v.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	if err != nil {
		v.Fatalf("adding an authenticator: %v", err)
	}
}

// picture keeps a screenshot, of a page that everybody can use.
func (v *visitor) picture(name string) {
	v.Helper()
	if !v.Failed() {
		v.accessible(name)
	}
	picture, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.Logf("picture %s: %v", name, err)
		return
	}
	v.write(pictures, name, picture)
	if *update && slices.Contains(documented, name) {
		v.write("../../docs/images", name, picture)
	}
}

//go:embed testdata/browser/access.js
var accessScript string

// accessible looks for what keeps people out who do not see well, or have no mouse.
func (v *visitor) accessible(name string) {
	v.Helper()
	problems, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](accessScript))
	if err != nil {
		v.Errorf("looking at %s: %v", name, err)
	}
	for _, problem := range problems {
		v.Errorf("%s: %s", name, problem)
	}
}

func (v *visitor) write(folder, name string, picture []byte) {
	v.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		v.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o644); err != nil {
		v.Fatal(err)
	}
}

// dark and narrow change how the page is looked at.
func (v *visitor) dark(on bool) {
	v.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[on]
	_, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		v.Fatal(err)
	}
}

func (v *visitor) narrow(on bool) {
	v.Helper()
	width := map[bool]int64{true: 390, false: 1100}[on]
	v.do("changing the width", chromedp.EmulateViewport(width, 760))
	overflow, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
	if err != nil || overflow {
		v.Errorf("the page at %d pixels is wider than the window (%v)", width, err)
	}
}

// pictureAll keeps a page as it is seen by day, by night and on a telephone.
func (v *visitor) pictureAll(name string) {
	v.Helper()
	v.picture(name)
	v.dark(true)
	v.picture(name + " dark")
	v.narrow(true)
	v.picture(name + " narrow dark")
	v.dark(false)
	v.picture(name + " narrow")
	v.narrow(false)
}
