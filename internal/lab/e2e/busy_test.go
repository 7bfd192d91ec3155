package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// pinAsker is the person at PIN dialogs that stand until the test answers.
type pinAsker struct {
	t *testing.T
	l net.Listener
}

// askedByHand returns a script of dialogs whose PINs the test gives.
func askedByHand(t *testing.T) (map[string]any, *pinAsker) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpxp") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "pin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return map[string]any{"socket": l.Addr().String(), "confirm": []string{"ok"}}, &pinAsker{t, l}
}

// asked waits for the next dialog, and returns what answers it.
func (p *pinAsker) asked() (answer func(string)) {
	p.t.Helper()
	_ = p.l.(*net.UnixListener).SetDeadline(time.Now().Add(patient))
	c, err := p.l.Accept()
	if err != nil {
		p.t.Fatalf("no dialog asks for the PIN: %v", err)
	}
	p.t.Cleanup(func() { c.Close() })
	return func(pin string) {
		fmt.Fprintln(c, pin)
		c.Close()
	}
}

// shadow is the text that the login element shows.
const shadow = `document.querySelector("cpx-login").shadowRoot.querySelector("[part=%s]").innerText`

// awaitText waits until the element's part says so.
func awaitText(t *testing.T, tab context.Context, part, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	for got := ""; !strings.Contains(got, want); {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("("+shadow+" ?? '')", part)))
		if ctx.Err() != nil {
			t.Fatalf("%s says %q, want %q: %v", part, got, want, err)
		}
		got = text // a page that is loading has none
	}
}

// TestSecondTab: a second tab of the portal, clicked on while the first one's PIN is
// asked for, says where that login is finished, and comes next by itself; the person's
// cancel there is no failure.
func TestSecondTab(t *testing.T) {
	pins, person := askedByHand(t)
	s := prepare(t, stack.Options{AutoPIN: pins})
	first := openBrowser(t, s)
	home := []chromedp.Action[chromedp.Void]{chromedp.Navigate(s.Origin + "/"), browser.Visible("#card-login")}
	if err := browser.Within(first, patient, append(home, browser.Click("#card-login"))...); err != nil {
		t.Fatal(err)
	}
	answer := person.asked()
	second, end := chromedp.NewContext(first)
	t.Cleanup(end)
	if err := chromedp.Do(second); err != nil { // the tab lives as long as the context of its first step
		t.Fatal(err)
	}
	if err := browser.Within(second, patient, append(home, browser.Click("#card-login"))...); err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(second))
	}
	awaitText(t, second, "text", "Si une fenêtre de CPx Bridge est déjà ouverte pour un autre onglet")
	answer("1234")
	if err := browser.Within(first, patient, browser.Visible("#attach-form")); err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(first))
	}
	answer = person.asked()
	awaitText(t, second, "text", "Saisissez votre code porteur")
	answer("cancel")
	awaitText(t, second, "notice", "L’identification a été annulée.")
}

// received is the next message that a page gets, as it came.
func (p *page) received() string {
	p.t.Helper()
	_ = p.socket.SetReadDeadline(time.Now().Add(patient))
	_, text, err := p.socket.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (p *page) sends(format string, args ...any) {
	p.t.Helper()
	if err := p.socket.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Fatal(err)
	}
}

// withoutReference is an error without its reference, which is random: what is left is
// compared byte for byte. An error that has none stays as it is, and so does one whose
// reference has another form than package internal/reference gives it.
func withoutReference(text string) string {
	before, rest, found := strings.Cut(text, `,"reference":"`)
	if !found {
		return text
	}
	value, after, _ := strings.Cut(rest, `"`)
	if !reference.Is(value) {
		return text
	}
	return before + after
}

// TestForeignSiteDuringLogin: a site that is not allowed gets the same status whether or
// not somebody logs in elsewhere, no word while its own request waits, and then 1004 with
// nothing beside it but its reference.
func TestForeignSiteDuringLogin(t *testing.T) {
	pins, person := askedByHand(t)
	s := prepare(t, stack.Options{AgentOnly: true, Others: true, AutoPIN: pins})
	start(t, s)
	const (
		status       = `{"jsonrpc":"2.0","id":1,"method":"status"}`
		authenticate = `{"jsonrpc":"2.0","id":2,"method":"authenticate","params":{"challengeNonce":%q,"lang":"fr"}}`
		plain        = `{"jsonrpc":"2.0","id":1,"result":{"protocol":1}}`
		busy         = `{"jsonrpc":"2.0","id":2,"error":{"code":1004,"message":"The agent is busy with another login.","data":{"reason":"busy"}}}`
	)
	pages := []*page{openAs(t, s, "https://un.autre.example"), openAs(t, s, "https://deux.autre.example")}
	pages[0].sends(status)
	if got := pages[0].received(); got != plain {
		t.Errorf("while nobody logs in: %s", got)
	}
	portal := open(t, s)
	portal.sends(authenticate, nonce(t))
	answer := person.asked()
	for _, p := range pages {
		p.sends(status)
		if got := p.received(); got != plain {
			t.Errorf("while somebody logs in: %s", got)
		}
	}
	// Of one domain one request waits, whichever came first, and the other is refused.
	first := make(chan int, len(pages))
	texts := make([]string, len(pages))
	for i, p := range pages {
		p.sends(authenticate, nonce(t))
		go func() {
			_, text, _ := p.socket.ReadMessage()
			texts[i] = string(text)
			first <- i
		}()
	}
	refused := <-first
	if got := withoutReference(texts[refused]); got != busy {
		t.Errorf("%s, want %s", got, busy)
	}
	pages[1-refused].sends(status)
	if other := <-first; texts[other] != plain {
		t.Errorf("while its request is in line: %s", texts[other])
	}
	pages[1-refused].sends(authenticate, nonce(t))
	if got := withoutReference(pages[1-refused].received()); got != busy {
		t.Errorf("a second request: %s, want %s", got, busy)
	}
	answer("cancel")
}
