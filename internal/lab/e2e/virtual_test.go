package e2e

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const openSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

// virtualStack is a stack whose agent uses a virtual CPS3 with the unmodified
// OpenSC instead of a software token.
func virtualStack(t testing.TB, o stack.Options, card virtual.CardOptions, station virtual.StationOptions) (*stack.Stack, *virtual.Station) {
	t.Helper()
	station.Socket = filepath.Join(t.TempDir(), "pcscd")
	if o.Modules == nil {
		o.Modules = []string{openSC}
	}
	if o.Extra == nil {
		o.Extra = map[string]string{}
	}
	o.Extra["PCSCLITE_CSOCK_NAME"] = station.Socket
	s := prepare(t, o)
	station.Card = newCard(t, s, card)
	d, err := virtual.NewStation(station)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s, d
}

func pki(t testing.TB, s *stack.Stack) *demopki.PKI {
	t.Helper()
	p, err := democard.OpenPKI(s.Path("card/ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestNoCardNoReader: a person without a card is asked to insert it, and without a
// reader to connect one too, even where PC/SC's service has ended.
func TestNoCardNoReader(t *testing.T) {
	s, d := virtualStack(t, stack.Options{AgentOnly: true, AutoPIN: map[string]any{"pin": []string{"1234"}, "insert": "cancel"}}, virtual.CardOptions{}, virtual.StationOptions{})
	d.Remove()
	start(t, s)
	p := open(t, s)
	asked := func(want string) {
		t.Helper()
		before := len(dialogs(t, s))
		a := p.call("authenticate", map[string]any{"challengeNonce": nonce(t), "lang": "en"})
		if a.Error == nil || a.Error.Data.Reason != "cancelled" {
			t.Errorf("%+v", a.Error)
		}
		if got := dialogs(t, s)[before:]; strings.Count(got, "CONFIRM") != 1 || !strings.Contains(got, want) {
			t.Errorf("asked %s, want %q", got, want)
		}
	}
	awaited := func(what string, there func() bool) {
		t.Helper()
		for end := time.Now().Add(testdesktop.Patience); !there(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not %s: %s", what, agentLog(t, s))
			}
		}
	}
	counts := func(want float64) func() bool {
		return func() bool {
			var got struct{ Readers float64 }
			if err := json.Unmarshal(p.call("status", nil).Result, &got); err != nil {
				t.Fatal(err)
			}
			return got.Readers == want
		}
	}
	const card, reader = "Insert your card into the reader.", "No card reader is found. Connect the reader"
	awaited("one reader", counts(1))
	asked(card)
	d.Unplug()
	awaited("no reader", counts(0))
	asked(reader)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	awaited("away", func() bool { return strings.Contains(agentLog(t, s), "no PC/SC service") })
	asked(reader)
}

// TestCardLeavesInBrowser: the reference portal logs out when its card is removed,
// in Chromium, with a CPS3 under OpenSC.
func TestCardLeavesInBrowser(t *testing.T) {
	s, d := virtualStack(t, stack.Options{AutoPIN: script("1234")}, virtual.CardOptions{}, virtual.StationOptions{})
	tab := openBrowser(t, s)
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, browser.PageText(tab))
		}
	}
	steps := stack.LoginSteps(s)
	// On the page for attaching: the pending card is dropped.
	must("home", steps[0].Do(tab))
	must("click", steps[1].Do(tab))
	d.Remove()
	must("removed before it was attached", loggedOut(tab))
	d.Insert()
	for _, step := range steps {
		must(step.Name, step.Do(tab))
	}
	logIn := steps[len(steps)-1].Do

	d.Remove()
	must("removed in the page that logged in", loggedOut(tab))
	d.Insert()
	must("log in again", logIn(tab))
	must("navigate", browser.Within(tab, limit, chromedp.Navigate(s.Origin+"/assistance"), browser.Visible("#logout")))
	d.Remove()
	must("removed after a navigation", loggedOut(tab))

	d.Insert()
	must("log in for two tabs", logIn(tab))
	second, endSecond := chromedp.NewContext(tab)
	defer endSecond()
	must("second tab", chromedp.Do(second)) // a tab lasts as long as its first context
	space := []chromedp.Action[chromedp.Void]{chromedp.Navigate(s.Origin + "/espace"), browser.Visible("#attached-cards")}
	must("second tab", browser.Within(second, limit, space...))
	must("log out in one tab", browser.Within(tab, limit, browser.Click("#logout")))
	must("logged out in one tab", loggedOut(tab))
	if err := loggedOut(second); err != nil {
		t.Fatalf("logged out in the other tab: %v\n%s", err, browser.PageText(second))
	}
	must("log in for two tabs once more", logIn(tab))
	must("second tab", browser.Within(second, limit, space...))
	d.Remove()
	must("removed, first tab", loggedOut(tab))
	if err := loggedOut(second); err != nil {
		t.Fatalf("removed, second tab: %v\n%s", err, browser.PageText(second))
	}

	d.Insert()
	must("log in for between two pages", logIn(tab))
	must("leave the site", browser.Within(tab, limit, chromedp.Navigate("about:blank")))
	d.Remove()
	must("removed between two pages", browser.Within(tab, limit, chromedp.Navigate(s.Origin+"/espace")))
	must("removed between two pages", loggedOut(tab))

	// The session has ended, not only its page.
	must("back", browser.Within(tab, limit, chromedp.Navigate(s.Origin+"/espace"), browser.Visible("#card-login")))
	if d.Card().PIN().Tries() != asked(t, s) {
		t.Errorf("%d tries on the card for %d entries", d.Card().PIN().Tries(), asked(t, s))
	}
}

const limit = 45 * time.Second

func loggedOut(tab context.Context) error {
	return browser.Within(tab, limit, browser.Visible("p.notice"), browser.Visible("#card-login"))
}

// TestVirtualPINPad: a login on a reader with a PIN pad.
func TestVirtualPINPad(t *testing.T) {
	s, d := virtualStack(t, stack.Options{AutoPIN: map[string]any{"confirm": []string{"hang"}}, AgentOnly: true}, virtual.CardOptions{}, virtual.StationOptions{PINPad: true})
	start(t, s)
	typed := make(chan bool, 1)
	go func() { typed <- d.Reader().Type("1234", limit) }()
	a := open(t, s).call("authenticate", map[string]any{"challengeNonce": nonce(t), "lang": "fr"})
	if !<-typed || a.Error != nil || !strings.Contains(string(a.Result), "web-eid:1.0") {
		t.Errorf("%+v %s", a.Error, a.Result)
	}
	go func() { typed <- d.Reader().CancelPINPad(limit) }()
	if a := open(t, s).call("authenticate", map[string]any{"challengeNonce": nonce(t)}); !<-typed || a.Error == nil || a.Error.Data.Reason != "cancelled" {
		t.Errorf("the red key: %+v", a)
	}
	if n := d.Card().PIN().Tries(); n != 1 {
		t.Errorf("%d tries", n)
	}
}

// TestVirtualCardStates: whatever happens to a card is answered with the right
// reason, and costs no try that nobody made.
func TestVirtualCardStates(t *testing.T) {
	hang := map[string]any{"pin": []string{"hang"}, "confirm": []string{"hang"}, "insert": "cancel"}
	s, d := virtualStack(t, stack.Options{AutoPIN: hang, AgentOnly: true}, virtual.CardOptions{}, virtual.StationOptions{})
	start(t, s)
	p := open(t, s)
	status := func(want string) {
		t.Helper()
		for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
			var got struct {
				Card    string
				Readers int
			}
			a := p.call("status", nil)
			if err := json.Unmarshal(a.Result, &got); err != nil {
				t.Fatal(err)
			}
			if line := got.Card + " " + string(rune('0'+got.Readers)); line == want {
				return
			} else if time.Now().After(end) {
				t.Fatalf("status %q, want %q", line, want)
			}
		}
	}
	reason := func(want string) {
		t.Helper()
		a := p.call("authenticate", map[string]any{"challengeNonce": nonce(t)})
		if a.Error == nil || a.Error.Data.Reason != want {
			t.Errorf("%+v, want %s", a.Error, want)
		}
	}
	status("present 1")
	d.Remove()
	status("absent 1")
	d.Unplug()
	status("absent 0")
	if err := d.Plug(); err != nil {
		t.Fatal(err)
	}
	d.Insert()
	status("present 1")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	status("absent 0")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	status("present 1")

	p.at = map[string]func(){"waiting-for-pin": d.Remove}
	reason("card_removed")
	p.at = nil
	d.Insert()
	d.Card().PIN().SetTriesLeft(0)
	reason("pin_locked")
	d.Card().PIN().SetTriesLeft(3)
	d.Put(newCard(t, s, virtual.CardOptions{NotAfter: time.Now().Add(-time.Hour)}))
	reason("no_certificate")
	if n := d.Card().PIN().Tries(); n != 0 {
		t.Errorf("%d tries that nobody made", n)
	}
}

func newCard(t testing.TB, s *stack.Stack, o virtual.CardOptions) vcard.Card {
	t.Helper()
	card, err := virtual.NewCard(pki(t, s).Intermediate, o)
	if err != nil {
		t.Fatal(err)
	}
	return card
}
