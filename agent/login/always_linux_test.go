package login

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// answers is a person who is asked for consent and for "always": what was asked,
// in order, and what is answered to "always".
type answers struct {
	mu     sync.Mutex
	asked  []string
	always chan error // nil: a person who does nothing
	yes    func()     // called as the person says yes, instead of always; nil: always
	seen   chan string
}

func (a *answers) note(what string) {
	a.mu.Lock()
	a.asked = append(a.asked, what)
	a.mu.Unlock()
	a.seen <- what
}

func (a *answers) all() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.asked, ", ")
}

func (a *answers) person(p fakes.Person) fakes.Person {
	p.OnConsent = func(_ context.Context, c prompt.Caller) error {
		a.note("consent " + c.Origin)
		return nil
	}
	p.OnAlways = func(ctx context.Context, c prompt.Caller) error {
		a.note("always " + c.Origin)
		if a.yes != nil {
			a.yes()
			a.seen <- "yes to " + c.Origin
			return nil
		}
		select {
		case err := <-a.always:
			a.seen <- "answered " + c.Origin
			return err
		case <-ctx.Done():
			a.seen <- "closed " + c.Origin
			return fakes.DoNothing(ctx)
		}
	}
	return p
}

// until waits for a dialog.
func (a *answers) until(t *testing.T, what string) {
	t.Helper()
	for testdesktop.Await(t, a.seen) != what {
	}
}

// declines waits until the agent has taken note that the origin's "always" was
// declined: the dialog's own end comes a moment before.
func (a *asking) declines(origin string) {
	a.t.Helper()
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(time.Millisecond) {
		a.siteCache.mu.Lock()
		declined := a.siteCache.declined[origin]
		a.siteCache.mu.Unlock()
		if declined {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("%s does not count as declined", origin)
		}
	}
}

// asking is an agent in ask mode with a real keyring.
type asking struct {
	*Service
	*answers
	t       *testing.T
	keyring *testdesktop.Keyring
	store   *sites.Store // another process's, as it were
	pool    *fakes.Pool
	log     *lockedBuffer
	poll    time.Duration
}

func newAsking(t *testing.T, settings string, prepare ...func(a *asking)) *asking {
	t.Helper()
	a := &asking{t: t, keyring: testdesktop.NewKeyring(t, ""), log: &lockedBuffer{}}
	a.keyring.Use()
	dir := filepath.Join(t.TempDir(), "state")
	a.store = sites.New(sites.Options{Dir: dir})
	for _, f := range prepare {
		f(a)
	}
	a.serve(settings, Limits{})
	return a
}

func (a *asking) serve(settings string, limits Limits) {
	a.t.Helper()
	a.answers = &answers{always: make(chan error, 1), seen: make(chan string, 100)}
	pool, person := fakes.OneCard(a.t)
	a.pool = pool
	limits.Sites = testdesktop.Patience // a loaded machine may take longer than a person would wait
	a.Service = serve(a.t, setup{poll: a.poll, settings: settings, pool: pool, person: a.person(person), logTo: a.log, limits: limits,
		sites: sites.New(sites.Options{Dir: filepath.Dir(a.store.File())})})
}

// logIn logs in as a page does. What it is asked afterwards comes when it comes.
func (a *asking) logIn(origin string) {
	a.t.Helper()
	who := peer.Caller{Origin: origin}
	_, card, err := a.Authenticate(a.t.Context(), Request{Caller: who, Lang: language.French, Nonce: testNonce, Progress: func(protocol.Progress) {}, Signed: func(string) {}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.OfferAlways(who, language.French, card)
}

// remembers waits until the agent's list is so.
func (a *asking) remembers(origins ...string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), testdesktop.Patience)
	defer cancel()
	changes := a.Changes.Listen(ctx)
	for {
		list, err := a.Sites()
		var got []string
		for _, s := range list {
			got = append(got, s.Origin)
		}
		if strings.Join(got, " ") == strings.Join(origins, " ") && err == nil {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			a.t.Fatalf("remembered: %v, %v; want %v", got, err, origins)
		}
	}
}

// logs waits until the agent has dealt with an answer, and says that it has so.
func (a *asking) logs(want string) {
	a.t.Helper()
	for end := time.Now().Add(testdesktop.Patience); !strings.Contains(a.log.String(), want); time.Sleep(time.Millisecond) {
		if strings.Contains(a.log.String(), "site remembered") || time.Now().After(end) {
			a.t.Fatalf("no %q:\n%s", want, a.log)
		}
	}
}

const askAll = "[origins]\nmode = \"ask\"\n"

// TestAlways: asked after the token, remembered, and taken back on a socket that
// stays open all the time.
func TestAlways(t *testing.T) {
	a := newAsking(t, askAll)
	p := otherOrigin
	if a.Allowed(p) {
		t.Error("a site that nobody allowed is allowed")
	}
	a.logIn(p) // while nobody answers "always", the page has its token
	a.until(t, "always "+otherOrigin)
	a.always <- nil
	a.remembers(otherOrigin)
	if !a.Allowed(p) {
		t.Error("a remembered site is not allowed")
	}
	a.logIn(p)
	if got := a.all(); got != "consent "+otherOrigin+", always "+otherOrigin {
		t.Errorf("asked: %s", got)
	}
	for _, similar := range []string{otherOrigin + ":8443", "https://sous." + otherOrigin[len("https://"):]} {
		if a.Allowed(similar) {
			t.Errorf("%s counts as %s", similar, otherOrigin)
		}
	}
	if a.Allowed("https://AUTRE.example.fr") {
		t.Error("upper case is allowed")
	}

	if err := a.Forget(otherOrigin); err != nil {
		t.Fatal(err)
	}
	if a.Allowed(p) {
		t.Error("a forgotten site is allowed")
	}
	a.logIn(p)
	a.until(t, "consent "+otherOrigin)
	if err := a.Forget(otherOrigin); !errors.Is(err, sites.ErrNotRemembered) {
		t.Errorf("forgotten twice: %v", err)
	}
	if strings.Contains(a.log.String(), "always cannot be asked") {
		t.Error(a.log.String())
	}
}

// TestAlwaysDeclined: a person who declines, or lets the dialog stand, is asked once
// in the agent's run, and declining is no cancelled dialog.
func TestAlwaysDeclined(t *testing.T) {
	a := newAsking(t, askAll)
	p, q := otherOrigin, otherOrigin+":8443"
	a.always <- prompt.ErrCancelled
	a.logIn(p)
	a.declines(otherOrigin)
	for range 2 * mostWornAllowed {
		a.logIn(p)
	}
	a.always <- prompt.ErrTimeout
	a.logIn(q) // asked after whatever the other page's logins were asked
	a.declines(otherOrigin + ":8443")
	a.always <- nil
	r := "https://trois.example.fr"
	a.logIn(q)
	a.logIn(r)
	a.remembers("https://trois.example.fr")
	if n := strings.Count(a.all(), "always "); n != 3 {
		t.Errorf("asked: %s", a.all())
	}
}

// TestAlwaysMakesWay: a login that comes while the dialog stands closes it and
// goes on; the question comes again after the next login.
func TestAlwaysMakesWay(t *testing.T) {
	a := newAsking(t, askAll)
	p, q := otherOrigin, "https://deux.example.fr"
	a.logIn(p)
	a.until(t, "always "+otherOrigin)
	a.logIn(q)
	a.until(t, "always https://deux.example.fr")
	a.always <- nil
	a.remembers("https://deux.example.fr")
	a.logIn(p)
	a.until(t, "always "+otherOrigin)
	a.always <- nil
	a.remembers("https://deux.example.fr", otherOrigin)
}

// refusals are policies that refuse a site which was asked about.
var refusals = map[string]string{
	"listed":  "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n",
	"blocked": askAll + "block = [\"" + otherOrigin + "\"]\n",
}

// TestAlwaysEndsWithThePolicy: where the policy comes to refuse the site the dialog is closed,
// and counts as asked no more than one that makes way; a policy that lets it be asked closes nothing.
func TestAlwaysEndsWithThePolicy(t *testing.T) {
	a := newAsking(t, askAll)
	for _, text := range refusals {
		a.logIn(otherOrigin)
		a.until(t, "always "+otherOrigin)
		a.SetPolicy(t.Context(), settings(t, askAll+"allow = [\""+listedOrigin+"\"]\n"))
		a.SetPolicy(t.Context(), settings(t, text))
		a.until(t, "closed "+otherOrigin)
		a.SetPolicy(t.Context(), settings(t, askAll))
	}
	a.logIn(otherOrigin)
	a.until(t, "always "+otherOrigin)
	a.SetPolicy(t.Context(), settings(t, askAll+"allow = [\""+listedOrigin+"\"]\n"))
	a.always <- nil
	a.remembers(otherOrigin)
}

// TestAlwaysAgainstThePolicy: a yes of the moment in which the policy comes to refuse the site
// is not written.
func TestAlwaysAgainstThePolicy(t *testing.T) {
	for name, text := range refusals {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, askAll)
			a.yes = func() { a.SetPolicy(t.Context(), settings(t, text)) }
			a.logIn(otherOrigin)
			a.until(t, "yes to "+otherOrigin)
			a.logs("the site is not remembered")
			a.SetPolicy(t.Context(), settings(t, askAll))
			a.remembers()
		})
	}
}

// TestAlwaysEndsWithTheCard: the dialog goes with the card of its login, so that the
// next person does not answer it, and comes no more where the card is gone before it;
// neither counts as declined.
func TestAlwaysEndsWithTheCard(t *testing.T) {
	a := newAsking(t, askAll)
	a.poll = time.Millisecond
	a.serve(askAll, Limits{})
	a.logIn(otherOrigin)
	a.until(t, "always "+otherOrigin)
	first := a.pool.Cards
	a.pool.Set(pkcs11.Snapshot{})
	a.until(t, "closed "+otherOrigin)

	// One that comes when another person's card is in the reader.
	another, _ := fakes.OneCard(t)
	a.pool.Set(another.Cards)
	o := offer{peer.Caller{Origin: otherOrigin}, language.French, first.Certificates[0].ID}
	if err := a.askAlways(t.Context(), o); !errors.Is(err, pkcs11.ErrCardRemoved) || strings.Count(a.all(), "always") != 1 {
		t.Errorf("%v: asked %s", err, a.all())
	}
	a.pool.Set(first)
	a.logIn(otherOrigin)
	a.until(t, "always "+otherOrigin) // it may be asked another time
	a.always <- nil
	a.remembers(otherOrigin)
}

// TestAlwaysTimeLimit: the dialog ends by itself, and counts as declined.
func TestAlwaysTimeLimit(t *testing.T) {
	a := newAsking(t, askAll)
	a.serve(askAll, Limits{Always: 10 * time.Millisecond})
	p := otherOrigin
	a.logIn(p)
	a.declines(otherOrigin)
	a.logIn(p)
	q := "https://deux.example.fr"
	a.logIn(q)
	a.until(t, "always https://deux.example.fr")
	if n := strings.Count(a.all(), "always "+otherOrigin); n != 1 {
		t.Errorf("asked %d times: %s", n, a.all())
	}
}

// TestRememberedNeverWidens: block and listed win over what is remembered, and
// listed sites are never asked about.
func TestRememberedNeverWidens(t *testing.T) {
	remember := func(a *asking) {
		if _, err := a.store.Add(a.t.Context(), otherOrigin); err != nil {
			a.t.Fatal(err)
		}
	}
	for name, settings := range map[string]string{
		"blocked": askAll + "block = [\"" + otherOrigin + "\"]\n",
		"listed":  "[origins]\nmode = \"listed\"\nallow = [\"" + listedOrigin + "\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, settings, remember)
			if a.Allowed(otherOrigin) {
				t.Error("allowed")
			}
		})
	}
	t.Run("allowed by the settings", func(t *testing.T) {
		a := newAsking(t, askAll+"allow = [\""+listedOrigin+"\"]\n", remember)
		a.remembers(otherOrigin)
		a.logIn(listedOrigin)
		a.always <- nil
		a.logIn("https://deux.example.fr")
		a.remembers(otherOrigin, "https://deux.example.fr")
		if got := a.all(); got != "consent https://deux.example.fr, always https://deux.example.fr" {
			t.Errorf("asked: %s", got)
		}
	})
}

// TestForgottenElsewhere: what another process writes counts at the next
// request on an open socket, and those who show the state are woken.
func TestForgottenElsewhere(t *testing.T) {
	a := newAsking(t, askAll)
	p := otherOrigin
	if _, err := a.store.Add(t.Context(), otherOrigin); err != nil {
		t.Fatal(err)
	}
	a.logIn(p) // the list is read by then
	a.remembers(otherOrigin)
	if got := a.all(); got != "" {
		t.Errorf("asked: %s", got)
	}
	if _, err := a.store.Forget(t.Context(), otherOrigin); err != nil {
		t.Fatal(err)
	}
	if a.Allowed(p) {
		t.Error("a forgotten site is allowed")
	}
	a.remembers()
	a.logIn(p)
	a.until(t, "consent "+otherOrigin)
}

// TestListPutBack: an older copy of the list, a tampered one and one that is gone
// remember nothing, also where the agent runs and knew better.
func TestListPutBack(t *testing.T) {
	a := newAsking(t, askAll)
	p := otherOrigin
	remember := func() []byte {
		t.Helper()
		if _, err := a.store.Add(t.Context(), otherOrigin); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(a.store.File())
		if err != nil {
			t.Fatal(err)
		}
		a.remembers(otherOrigin)
		return content
	}
	older := remember()
	if err := a.Forget(otherOrigin); err != nil {
		t.Fatal(err)
	}
	tampered := remember()
	tampered[len(tampered)/2] ^= 1
	tampered[10] ^= 1 // the key's name
	for _, content := range [][]byte{older, tampered, tampered[:9], nil} {
		if err := os.WriteFile(a.store.File(), content, 0o600); err != nil {
			t.Fatal(err)
		}
		a.logIn(p)
		a.until(t, "consent "+otherOrigin)
		a.until(t, "always "+otherOrigin) // a new list may begin
		a.always <- nil
		a.remembers(otherOrigin)
		a.logIn(p)
	}
	if err := os.Remove(a.store.File()); err != nil {
		t.Fatal(err)
	}
	a.logIn(p)
	a.until(t, "consent "+otherOrigin)
	if !strings.Contains(a.log.String(), "older copy") {
		t.Errorf("not said:\n%s", a.log)
	}
}
