package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// patience bounds every wait; none should take as long.
const patience = 2 * time.Minute

// page is a page of the portal's, in a browser of its own.
type page struct {
	w      *world
	socket *websocket.Conn
	next   int
	client *http.Client
}

func (w *world) open() *page {
	w.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: patience}
	socket, _, err := d.Dial("ws://"+w.stack.AgentAddress()+"/v1", http.Header{"Origin": {w.stack.Origin}})
	if err != nil {
		w.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &page{w: w, socket: socket, client: &http.Client{Jar: jar, Transport: w.client, Timeout: patience}}
}

// close ends the page as a browser does, or abruptly, as one that is killed.
func (p *page) close(abruptly bool) {
	if !abruptly {
		_ = p.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(patience))
		for {
			if _, _, err := p.socket.ReadMessage(); err != nil {
				break // the agent's answer to the close
			}
		}
	}
	_ = p.socket.Close()
}

type message struct {
	ID     json.RawMessage
	Method string
	Params struct{ State, Event string }
	Result json.RawMessage
	Error  *struct {
		Data struct{ Reason, Detail string }
	}
}

// read returns the next message that is wanted.
func (p *page) read(what string, wanted func(message) bool) message {
	p.w.t.Helper()
	_ = p.socket.SetReadDeadline(time.Now().Add(patience))
	for {
		var m message
		if err := p.socket.ReadJSON(&m); err != nil {
			p.w.t.Fatalf("%s: %v", what, err)
		}
		if wanted(m) {
			return m
		}
	}
}

func (p *page) call(method string, params any) message {
	p.w.t.Helper()
	p.next++
	if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": p.next, "method": method, "params": params}); err != nil {
		p.w.t.Fatal(err)
	}
	id := fmt.Sprint(p.next)
	return p.read(method, func(m message) bool { return string(m.ID) == id })
}

func (p *page) status() { p.w.t.Helper(); p.call("status", struct{}{}) }

// cardRemoved waits until the agent says that the card has gone.
func (p *page) cardRemoved() {
	p.w.t.Helper()
	p.read("the card's removal", func(m message) bool { return m.Method == "card" && m.Params.Event == "removed" })
}

// token asks for a challenge at the portal, and for its token at the agent.
func (p *page) token() message {
	p.w.t.Helper()
	var challenge struct{ Nonce string }
	p.portal(http.MethodGet, "/auth/challenge", nil, &challenge)
	return p.call("authenticate", map[string]string{"challengeNonce": challenge.Nonce})
}

// What is in the forms of the portal's pages: for which card each is, and which account.
var (
	cardInForm    = regexp.MustCompile(`name="card" value="([^"]+)"`)
	accountInForm = regexp.MustCompile(`name="account" value="([^"]+)"`)
)

// submit sends a form of a page that the portal showed, and returns the page that follows.
func (p *page) submit(shown, path string, fields url.Values) string {
	p.w.t.Helper()
	if fields == nil {
		fields = url.Values{}
	}
	for name, field := range map[string]*regexp.Regexp{"card": cardInForm, "account": accountInForm} {
		if found := field.FindStringSubmatch(shown); found != nil {
			fields.Set(name, html.UnescapeString(found[1]))
		}
	}
	return p.portal(http.MethodPost, path, []byte(fields.Encode()), nil)
}

// present presents the card at the portal, and returns the page that this leads to.
func (p *page) present() (path, shown string) {
	p.w.t.Helper()
	answer := p.token()
	for answer.Error != nil {
		fmt.Fprintf(os.Stderr, "soak: a login failed, and is tried anew: %+v\n", answer.Error.Data)
		if p.w.failed++; p.w.failed > mostFailed {
			p.w.t.Fatalf("%d logins failed", p.w.failed)
		}
		answer = p.token()
	}
	body, err := json.Marshal(map[string]json.RawMessage{"auth-token": answer.Result})
	if err != nil {
		p.w.t.Fatal(err)
	}
	var next struct{ Next string }
	p.portal(http.MethodPost, "/auth/login", body, &next)
	return next.Next, p.portal(http.MethodGet, next.Next, nil, nil)
}

// mostFailed is how many logins may fail in all, which the person then tries anew: on a machine
// that stands still for seconds a module does not answer in time.
const mostFailed = 5

const (
	pathFirst = "/premiere-connexion"
	pathSpace = "/espace"
)

// logIn logs in at the portal, and logs out there: the sessions of a person who never does
// would make their page longer each time.
func (p *page) logIn() {
	p.w.t.Helper()
	path, shown := p.present()
	if path != pathSpace {
		p.w.t.Fatalf("the login leads to %q", path)
	}
	p.submit(shown, "/deconnexion", nil)
}

// refuse has the person refuse the dialog for the PIN.
func (p *page) refuse() {
	p.w.t.Helper()
	p.w.person.refuses.Store(true)
	answer := p.token()
	p.w.person.refuses.Store(false)
	if answer.Error == nil || answer.Error.Data.Reason != "cancelled" {
		p.w.t.Fatalf("a refused dialog ended in %+v", answer)
	}
}

// portal sends a request to the portal, and returns what it answers; where that is to be read
// into something, both are JSON.
func (p *page) portal(method, path string, body []byte, into any) string {
	p.w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, p.w.stack.Origin+path, bytes.NewReader(body))
	if err != nil {
		p.w.t.Fatal(err)
	}
	if into != nil {
		r.Header.Set("Content-Type", "application/json")
	} else if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.w.t.Fatalf("%s %s: %s, %v\n%s", method, path, answer.Status, err, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.w.t.Fatal(err)
		}
	}
	return string(text)
}

// attach attaches the card to the portal's account, with that account's password.
func (w *world) attach() {
	w.t.Helper()
	p := w.open()
	defer p.close(false)
	path, shown := p.present()
	if path != pathFirst {
		w.t.Fatalf("the first login leads to %q", path)
	}
	shown = p.submit(shown, path, url.Values{"username": {stack.Username}, "password": {stack.Password}})
	if !strings.Contains(p.submit(shown, pathFirst+"/confirmation", nil), `id="logout"`) {
		w.t.Fatalf("the card is not attached:\n%s", shown)
	}
}

// menuShows waits for the menu to follow the card.
func (w *world) menuShows(label string) {
	w.t.Helper()
	w.menu.Await(label, func() bool { return w.menu.Has(label) })
}
