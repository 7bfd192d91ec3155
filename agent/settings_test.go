package agent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// policyOf are those of a machine's policy, on the server's ports.
func policyOf(t *testing.T, s *Server, text string) *policy.Effective {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(policy.Paths{Machine: file, Owners: owners.Person})
	if err != nil {
		t.Fatal(err)
	}
	e.Ports, e.WSS = s.settings().Ports, s.settings().WSS
	return e
}

// TestSettingsRefuseASite: where the settings come to refuse a site, its idle sockets are
// closed, a login that runs there comes to its end first, and others stay.
func TestSettingsRefuseASite(t *testing.T) {
	pool, person := fakes.OneCard(t)
	asked, answer := make(chan struct{}), make(chan error)
	person.OnConsent = func(context.Context, prompt.Caller) error { asked <- struct{}{}; return <-answer }
	s := serve(t, setup{settings: "[origins]\nmode = \"ask\"\n", pool: pool, person: person})
	idle, running, listed := openPage(t, s, "https://idle.example.fr"), openPage(t, s, "https://running.example.fr"), openPage(t, s, listedOrigin)
	running.authenticate(1)
	<-asked
	s.SetPolicy(t.Context(), policyOf(t, s, "[origins]\nmode = \"listed\"\nallow = [\""+listedOrigin+"\"]\n"))
	if code := idle.closedWith(); code != websocket.ClosePolicyViolation {
		t.Errorf("an idle socket: %d", code)
	}
	answer <- nil
	if a := running.answer(); a.Error != nil {
		t.Errorf("a login that ran: %v", a.Error)
	}
	if code := running.closedWith(); code != websocket.ClosePolicyViolation {
		t.Errorf("after its login: %d", code)
	}
	listed.lives()
	if state := s.State(); len(state.Listed) != 1 {
		t.Errorf("listed: %q", state.Listed)
	}
}

// TestSettingsRefuseASiteThatConnects: a site that was let in just before the settings came to
// refuse it does not keep its socket, although it was not among those to close.
func TestSettingsRefuseASiteThatConnects(t *testing.T) {
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{settings: "[origins]\nmode = \"ask\"\n", pool: pool, person: person})
	let := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		p := s.newPage(socket, peer.Caller{Origin: "https://idle.example.fr"})
		s.SetPolicy(t.Context(), policyOf(t, s, "[origins]\nmode = \"listed\"\nallow = [\""+listedOrigin+"\"]\n"))
		p.Serve(t.Context())
	}))
	defer let.Close()
	socket, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(let.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer socket.Close()
	_ = socket.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, _, err := socket.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		t.Errorf("%v, want its end", err)
	}
}

// TestPINSessionWithdrawn: a card session ends at once where pin.session is taken back or
// shortened, and the next login asks for the PIN.
func TestPINSessionWithdrawn(t *testing.T) {
	pool, person, asked := withSession(t)
	watch, _ := listening()
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, person: person, desktop: watch, events: events})
	listed := "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n"
	p := openPage(t, s, listedOrigin)
	events <- fakes.Present(1)
	logIn(t, p)
	logIn(t, p)
	if asked["PIN"] != 2 {
		t.Fatalf("without pin.session: %v", asked)
	}
	s.SetPolicy(t.Context(), policyOf(t, s, listed+"[pin]\nsession = \"1h\"\n"))
	logIn(t, p)
	logIn(t, p)
	if asked["PIN"] != 3 || asked["consent"] != 1 {
		t.Fatalf("with pin.session: %v", asked)
	}
	for i, text := range []string{listed + "[pin]\nsession = \"30m\"\n", listed} {
		s.SetPolicy(t.Context(), policyOf(t, s, text))
		select {
		case <-pool.Locked:
		case <-time.After(20 * time.Second):
			t.Fatal("the card stays unlocked")
		}
		logIn(t, p)
		if asked["PIN"] != 4+i {
			t.Errorf("after %q: %v", text, asked)
		}
	}
	if pool.HasCardSession(s.State().Certificates[0].ID) {
		t.Error("a session was opened that the settings do not let be")
	}
}

// TestLanguageLive: a policy that sets the language counts at once, and when it goes the
// person's choice does.
func TestLanguageLive(t *testing.T) {
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person, language: language.NewChoice(t.TempDir())})
	if err := s.SetLanguage("en"); err != nil {
		t.Fatal(err)
	}
	s.SetPolicy(t.Context(), policyOf(t, s, "lang = \"fr\"\n"))
	if x := s.State(); x.Lang != "fr" || !x.LangFixed || !errors.Is(s.SetLanguage("en"), state.ErrLanguageFixed) {
		t.Errorf("%s, fixed: %v", x.Lang, x.LangFixed)
	}
	s.SetPolicy(t.Context(), policyOf(t, s, "[log]\nlevel = \"info\"\n"))
	if x := s.State(); x.Lang != "en" || x.LangFixed {
		t.Errorf("%s, fixed: %v", x.Lang, x.LangFixed)
	}
}

// TestSettingsRefused: the state says why new settings are not in force, until they are.
func TestSettingsRefused(t *testing.T) {
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person})
	woken := s.Changes(t.Context())
	s.changes.Publish() // those of the server's start may have been before
	<-woken
	s.SettingsRefused(&policy.SettingsError{File: "/etc/cpx-bridge/policy.toml", Line: 3, Key: "lang", Text: "TEST"})
	<-woken
	x := s.State()
	if x.SettingsFailure == nil || x.SettingsFailure.Detail != "/etc/cpx-bridge/policy.toml:3: lang: TEST" || !strings.Contains(x.Text("fr"), "policy.toml:3: lang: TEST") {
		t.Errorf("%+v", x.SettingsFailure)
	}
	s.SettingsRefused(nil)
	if s.State().SettingsFailure != nil {
		t.Error("it is said for ever")
	}
}
