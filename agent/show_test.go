package agent

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/agent/statewindow"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// telling is a person who leaves a window standing until it is closed.
type telling struct {
	fakes.Person
	open, most, all atomic.Int32
	shown           chan string
	closed          chan struct{}
	first           atomic.Pointer[context.Context]
}

func newTelling(person fakes.Person) *telling {
	return &telling{Person: person, shown: make(chan string, 100), closed: make(chan struct{}, 100)}
}

func (p *telling) Show(ctx context.Context, lang, title, text string) error {
	n := p.open.Add(1)
	defer func() {
		p.open.Add(-1)
		p.closed <- struct{}{}
	}()
	p.most.Store(max(p.most.Load(), n))
	p.all.Add(1)
	p.first.CompareAndSwap(nil, &ctx)
	p.shown <- lang + "\n" + title + "\n" + text
	<-ctx.Done()
	return ctx.Err()
}

// testClock is moved by the test.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestShowState(t *testing.T) {
	pool, person := fakes.OneCard(t)
	clock := &testClock{t: time.Now()}
	p := newTelling(person)
	s := serve(t, setup{pool: pool, prompter: p, now: clock.now, settings: "lang = \"en\"\n"})
	s.ShowState(t.Context())
	first := <-p.shown
	for _, part := range []string{"en\n" + state.Name + " · State\nAll is ready: you can log in with your card.\n", "CPx Bridge test is running", "127.0.0.1:", "TEST module", "TEST reader"} {
		if !strings.Contains(first, part) {
			t.Errorf("%q is missing:\n%s", part, first)
		}
	}
	// A flood makes no second window.
	for range 1000 {
		s.ShowState(t.Context())
	}
	clock.advance(statewindow.Stays - time.Millisecond)
	s.ShowState(t.Context()) // which may not be drawn yet
	if (*p.first.Load()).Err() != nil {
		t.Error("a flood closes the window")
	}
	// Later on, when the first may lie behind others, one makes place for the next.
	for range 3 {
		clock.advance(statewindow.Stays)
		for range 100 {
			s.ShowState(t.Context())
		}
		<-p.shown
	}
	if p.most.Load() != 1 || p.all.Load() != 4 {
		t.Errorf("%d windows at once, %d in all; want 1 and 4", p.most.Load(), p.all.Load())
	}
	s.window.End()
	if n := p.open.Load(); n != 0 {
		t.Errorf("%d windows stand after the agent's end", n)
	}
	clock.advance(time.Hour)
	s.ShowState(t.Context())
	s.window.End()
	if n := p.all.Load(); n != 4 {
		t.Errorf("a window after the agent's end: %d", n)
	}
}

// asking is a telling person before whom a question may stand.
type asking struct {
	*telling
	stands bool
	fronts int
}

func (a *asking) ToFront() bool {
	a.fronts++
	return a.stands
}

// TestAppear: a second start brings a question that stands to the front, and does not cover
// it with the state, which it shows where none stands.
func TestAppear(t *testing.T) {
	pool, person := fakes.OneCard(t)
	p := &asking{telling: newTelling(person), stands: true}
	s := serve(t, setup{pool: pool, prompter: p})
	s.Appear(t.Context())
	s.window.End() // a window that was coming would have stood
	if p.fronts != 1 || p.all.Load() != 0 {
		t.Errorf("brought to the front %d times, %d windows", p.fronts, p.all.Load())
	}
	p.stands = false
	s = serve(t, setup{pool: pool, prompter: p})
	s.Appear(t.Context())
	testdesktop.Await(t, p.shown)
}

// TestStateGoesWithTheCard: the window that names a card's holder closes when that card
// leaves, and one that names nobody says that all is ready when another comes.
func TestStateGoesWithTheCard(t *testing.T) {
	pool, person := fakes.OneCard(t)
	clock := &testClock{t: time.Now()}
	p := newTelling(person)
	s := serve(t, setup{pool: pool, prompter: p, now: clock.now, settings: "lang = \"en\"\n"})
	s.ShowState(t.Context())
	if text, name := <-p.shown, cards.Person(pool.Cards.Certificates[0]).DisplayName(); !strings.Contains(text, name) {
		t.Fatalf("%q is not named:\n%s", name, text)
	}
	first := pool.Cards
	pool.Set(pkcs11.Snapshot{Slots: first.Slots})
	s.cards.Refresh(t.Context())
	testdesktop.Await(t, p.closed)   // it names the person who has gone
	clock.advance(statewindow.Stays) // its end may be under way
	s.ShowState(t.Context())
	<-p.shown
	pool.Set(first)
	s.Report(t.Context(), true)
	if text := testdesktop.Await(t, p.shown); !strings.Contains(text, "All is ready") {
		t.Error(text)
	}
}

// asksConsent is an agent whose person reads the question for consent, which asked says, and
// cancels it once answer is closed.
func asksConsent(t *testing.T) (s *Server, p *telling, asked chan bool, answer chan struct{}) {
	t.Helper()
	pool, person := fakes.OneCard(t)
	asked, answer = make(chan bool, 1), make(chan struct{})
	person.OnConsent = func(context.Context, prompt.Caller) error {
		asked <- true
		<-answer
		return prompt.ErrCancelled
	}
	p = newTelling(person)
	return serve(t, setup{pool: pool, prompter: p, settings: askSettings}), p, asked, answer
}

// TestStateGoesWithALogin: the window of the state closes when a login begins, so that the
// login's stands alone.
func TestStateGoesWithALogin(t *testing.T) {
	s, p, asked, answer := asksConsent(t)
	s.ShowState(t.Context())
	<-p.shown
	openPage(t, s, otherOrigin).authenticate(1)
	testdesktop.Await(t, asked)
	testdesktop.Await(t, p.closed) // else the state stands beside the login's window
	close(answer)
}

// TestStateIsTrue: who inserts the card that the window asks for reads that all is ready, and
// an old window that says what is so no more only closes.
func TestStateIsTrue(t *testing.T) {
	pool, person := fakes.OneCard(t)
	clock := &testClock{t: time.Now()}
	p := newTelling(person)
	full := pool.Cards
	empty := pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	pool.Set(empty)
	s := serve(t, setup{pool: pool, prompter: p, now: clock.now, settings: "lang = \"en\"\n"})
	becomes := func(cards pkcs11.Snapshot) {
		pool.Set(cards)
		s.cards.Refresh(t.Context())
		testdesktop.Await(t, p.closed)
	}
	s.ShowState(t.Context())
	if text := <-p.shown; !strings.Contains(text, "nsert your card") {
		t.Fatal(text)
	}
	becomes(full)
	if text := testdesktop.Await(t, p.shown); !strings.Contains(text, "All is ready") {
		t.Error(text)
	}
	if p.most.Load() != 1 {
		t.Errorf("%d windows at once", p.most.Load())
	}
	becomes(empty) // it names a person
	s.ShowState(t.Context())
	clock.advance(statewindow.Stays)
	s.ShowState(t.Context())
	<-p.shown
	clock.advance(2 * followed)
	becomes(full)
	s.window.End()
	if len(p.shown) != 0 {
		t.Error(<-p.shown)
	}
}

// TestStateShownDuringALogin: the state that is shown during a login closes with it, and no other
// comes by itself before somebody who goes on in the page.
func TestStateShownDuringALogin(t *testing.T) {
	s, p, asked, answer := asksConsent(t)
	openPage(t, s, otherOrigin).authenticate(1)
	testdesktop.Await(t, asked)
	s.ShowState(t.Context())
	testdesktop.Await(t, p.shown)
	close(answer)
	testdesktop.Await(t, p.closed)
	s.Report(t.Context(), true) // by then another would stand
	s.window.End()
	if len(p.shown) != 0 {
		t.Error(<-p.shown)
	}
}

// TestShowStateWhileReading: clicks while the module hangs end no reading and put no
// window off.
func TestShowStateWhileReading(t *testing.T) {
	pool, person := fakes.OneCard(t)
	clock := &testClock{t: time.Now()}
	h := hanging{pool, make(chan struct{}, 100)}
	p := newTelling(person)
	s := serve(t, setup{pool: pool, over: h, prompter: p, now: clock.now, settings: "lang = \"en\"\n"})
	s.Report(t.Context(), false) // the first reading has ended
	s.ShowState(t.Context())
	<-h.asked
	for range 3 {
		clock.advance(statewindow.Pause)
		s.ShowState(t.Context())
	}
	shown := <-p.shown
	if err := (*p.first.Load()).Err(); err != nil || p.all.Load() != 1 || len(h.asked) != 0 {
		t.Errorf("%v: %d windows, %d more readings", err, p.all.Load(), len(h.asked))
	}
	if !strings.Contains(shown, "from the last look") {
		t.Error(shown)
	}
	s.window.End()
}

// TestWindowClosesFirst: at the end nothing is waited for before the window is gone.
// A keyring that gives no answer must not leave it on the desktop.
func TestWindowClosesFirst(t *testing.T) {
	pool, person := fakes.OneCard(t)
	shown, closed := make(chan struct{}), make(chan struct{})
	person.OnShow = func(ctx context.Context, _, _, _ string) error {
		close(shown)
		<-ctx.Done()
		close(closed)
		return ctx.Err()
	}
	s := serve(t, setup{pool: pool, person: person, watch: func(ctx context.Context, _ func(pcsc.Event)) {
		<-ctx.Done()
		select { // as a keyring would, for much longer
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Error("the window still stands")
		}
	}})
	s.ShowState(context.Background())
	<-shown
}
