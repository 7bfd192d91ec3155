package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// surfer is a real browser with the portal's page.
type surfer interface {
	Navigate(ctx context.Context, address string) error
	Click(ctx context.Context, selector string) error
	Value(ctx context.Context, expression string, result any) error
}

// chromiumTab is a tab of Chromium as a surfer.
type chromiumTab struct{ tab context.Context }

func (c chromiumTab) Navigate(_ context.Context, address string) error {
	return browser.Within(c.tab, limit, chromedp.Navigate(address))
}

func (c chromiumTab) Click(_ context.Context, selector string) error {
	return browser.Within(c.tab, limit, browser.Click(selector))
}

func (c chromiumTab) Value(_ context.Context, expression string, result any) error {
	ctx, cancel := context.WithTimeout(c.tab, limit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[json.RawMessage](expression))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

// surf starts a browser for the stack's portal, until the test ends.
func surf(t *testing.T, s *stack.Stack, name string) surfer {
	t.Helper()
	o := browser.Options{Home: t.TempDir(), Origin: s.Origin, CAFile: s.Path("tls-ca.pem"), Lang: "fr"}
	if name == "Chromium" {
		tab, end, err := browser.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(end)
		return chromiumTab{tab}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*limit)
	defer cancel()
	fox, err := browser.StartFirefox(ctx, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fox.Close)
	return fox
}

// workstation is a shared one: a reader, a screen with the agent's windows, a browser
// that stays open, and the persons' cards.
type workstation struct {
	surfer
	t       *testing.T
	stack   *stack.Stack
	station *virtual.Station
	screen  *testdesktop.Screen
	reader  *testdesktop.Reader
}

// personsCard is a person's card, and what no other person may see.
type personsCard struct {
	vcard.Card
	holder demopki.Holder
}

func (w *workstation) card(number int) personsCard {
	w.t.Helper()
	h := demopki.NewHolder("CPS", number)
	return personsCard{newCard(w.t, w.stack, virtual.CardOptions{Holder: h}), h}
}

func (w *workstation) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", what, err, w.text())
	}
}

// text is all that the page shows.
func (w *workstation) text() (text string) {
	_ = w.Value(w.t.Context(), `location.href + "\n" + document.body.innerText`, &text)
	return text
}

// shows waits until the page is there and the expression is true in it.
func (w *workstation) shows(what, expression string) {
	w.t.Helper()
	// The page that shows it may be another one than now: no event of a page outlives it.
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		var is bool
		err := w.Value(w.t.Context(), `document.readyState === "complete" && !!(`+expression+`)`, &is)
		if err == nil && is {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not shown: %s, %v\n%s\n%s", what, err, w.text(), agentLog(w.t, w.stack))
		}
	}
}

// nothingOf fails where the page shows anything of that person, or of the account.
func (w *workstation) nothingOf(p personsCard, where string, more ...string) {
	w.t.Helper()
	for _, part := range append(more, p.holder.Identifier, p.holder.Surname) {
		if text := w.text(); strings.Contains(text, part) {
			w.t.Errorf("%s: %q of another person is shown\n%s", where, part, text)
		}
	}
}

const (
	ourTitle = "^CPx Bridge$"
	// removedNotice is on the home page where a card that left ended the session.
	removedNotice = `document.querySelector("p.notice")?.innerText.includes("Votre carte a été retirée") && document.querySelector("cpx-login")?.shadowRoot`
)

// asksPIN clicks on the card button and agrees to the site, and returns the window once
// it asks for the PIN. All that it says is the owner's of the card in the reader.
func (w *workstation) asksPIN(owner, other personsCard) (window string) {
	w.t.Helper()
	w.must("click", w.Click(w.t.Context(), "#card-login"))
	window = w.screen.Find(ourTitle)
	w.screen.Role(window, "cpx-ready-1")
	w.screen.InFront(window)
	w.screen.Do("key", "Tab", "Return")
	w.screen.Role(window, "cpx-ready-3")
	w.screen.InFront(window)
	shown := w.reader.Window(func(x testdesktop.Thing) bool { return strings.Contains(x.Outline(), owner.holder.Surname) }).Outline()
	if strings.Contains(shown, other.holder.Surname) {
		w.t.Errorf("the window names another person:\n%s", shown)
	}
	return window
}

// logIn logs in from the home page, up to the question whether to allow the site always.
func (w *workstation) logIn(owner, other personsCard) {
	w.t.Helper()
	w.asksPIN(owner, other)
	w.screen.Do("key", "1", "2", "3", "4", "Return")
	w.shows("the page after the login", `location.pathname === "/premiere-connexion" || location.pathname === "/espace"`)
	w.screen.Role(w.screen.Find(ourTitle), "cpx-ready-1") // "always" has a window of its own
}

// swap puts another card in the reader, at once, and waits until no window stands.
func (w *workstation) swap(to personsCard) {
	w.t.Helper()
	w.station.Remove()
	w.station.Put(to)
	w.screen.Gone(ourTitle)
}

// TestTwoCardsInARow: at a shared workstation the first person's card is pulled in the
// middle of things, and the second person's is there within a second, in the browser
// that stays open: nothing of the first is shown to the second, used for them or done
// in their name.
func TestTwoCardsInARow(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	screen.Manage()
	bus := testdesktop.NewKeyring(t, screen.Display, "org.a11y.Bus").Bus
	testdesktop.ScreenReader(t, bus)
	s, station := virtualStack(t, stack.Options{Ask: true, Host: "portail.cpx.test", Settings: "[log]\nlevel = \"debug\"\n", Extra: map[string]string{
		"DISPLAY": screen.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": bus, "HOME": t.TempDir(),
	}}, virtual.CardOptions{}, virtual.StationOptions{})
	startPortal(t, s)
	start(t, s)
	for i, name := range []string{"Chromium", "Firefox"} {
		t.Run(name, func(t *testing.T) {
			screen := *screen
			screen.T = t
			w := &workstation{surf(t, s, name), t, s, station, &screen, testdesktop.NewReader(t, bus)}
			w.persons(w.card(11+2*i), w.card(12+2*i))
		})
	}
}

func (w *workstation) persons(first, second personsCard) {
	t := w.t
	w.station.Put(first)
	w.must("the portal", w.Navigate(t.Context(), w.stack.Origin+"/"))
	w.shows("the card button", `document.querySelector("cpx-login")?.shadowRoot`)

	// The first card goes while its PIN is being typed.
	w.asksPIN(first, second)
	w.screen.Do("key", "9", "8")
	w.swap(second)
	w.shows("that the card was removed", `document.querySelector("cpx-login").error?.reason === "card_removed"`)
	w.nothingOf(first, "after the first card was pulled at the PIN")

	// What was typed is not part of the second person's PIN, which would be wrong with it.
	w.logIn(second, first)
	w.shows("the second person's card", fmt.Sprintf(`document.querySelector("#holder-identifier")?.innerText.includes(%q)`, second.holder.Identifier))
	w.nothingOf(first, "the second person's first connection")

	// The second card goes while the question stands whether to allow the site always.
	w.swap(first)
	w.shows("that the card was removed", removedNotice)
	w.nothingOf(second, "after the second card was pulled at the question for always")
	if l := sites(t, w.stack); len(l.Sites) != 0 {
		t.Errorf("remembered: %+v", l)
	}

	// The first person attaches their card to an account, and goes right after that.
	w.logIn(first, second)
	w.nothingOf(second, "the first person's first connection")
	w.shows("the form", `document.querySelector("#attach-form")`)
	w.must("the form", w.Value(t.Context(), fmt.Sprintf(`(() => {
		document.querySelector("#username").value = %q;
		document.querySelector("#password").value = %q;
		return true;
	})()`, stack.Username, stack.Password), new(bool)))
	w.must("send it", w.Click(t.Context(), "#attach-form button[type=submit]"))
	w.must("confirm", w.Click(t.Context(), "#confirm-attach"))
	w.shows("the account", fmt.Sprintf(`document.querySelector("#account-name")?.innerText.includes(%q)`, stack.Display))
	w.swap(second)
	w.shows("that the card was removed", removedNotice)
	w.nothingOf(first, "after the first person's card was pulled", stack.Display, stack.Username)

	// The second person logs in, and goes back to what was shown before.
	w.logIn(second, first)
	w.goesBack(first, 4, stack.Display, stack.Username)

	// The first person logs out, with their card in the reader, and somebody goes back.
	w.swap(first)
	w.shows("that the card was removed", removedNotice)
	w.logIn(first, second)
	w.nothingOf(second, "the first person's space")
	w.must("log out", w.Click(t.Context(), "#logout"))
	w.shows("the home page", `location.pathname === "/" && document.querySelector("cpx-login")?.shadowRoot`)
	w.goesBack(first, 2, stack.Display, stack.Username)
	w.station.Remove()
	w.screen.Gone(ourTitle)

	if n, m := first.PIN().Tries(), second.PIN().Tries(); n != 2 || m != 2 {
		t.Errorf("%d and %d tries, want those that the persons made, 2 and 2", n, m)
	}
}

// goesBack goes through the pages before, of which none may show anything of that person.
func (w *workstation) goesBack(p personsCard, pages int, more ...string) {
	w.t.Helper()
	for range pages {
		w.must("back", w.Value(w.t.Context(), `(() => { window.before = true; setTimeout(() => history.back()); return true; })()`, new(bool)))
		w.shows("the page before", `!window.before`)
		w.nothingOf(p, "the pages before", more...)
	}
}
