package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func present(count uint16) pcsc.Event {
	return pcsc.Event{Readers: []pcsc.Reader{{Name: "TEST reader", Present: true, Count: count}}}
}

func empty(count uint16) pcsc.Event {
	return pcsc.Event{Readers: []pcsc.Reader{{Name: "TEST reader", Count: count}}}
}

func TestReaders(t *testing.T) {
	slot := pkcs11.Slot{Description: "TEST reader", Hardware: true, Token: &pkcs11.Token{}}
	soft := pkcs11.Slot{Description: "software", Token: &pkcs11.Token{}}
	var r readers
	for _, step := range []struct {
		name    string
		event   pcsc.Event
		left    []string
		differs bool
	}{
		{"the first", present(1), nil, true},
		{"the same", present(1), nil, false},
		{"another card put in its place", present(3), []string{"TEST reader"}, true},
		{"taken out", empty(4), []string{"TEST reader"}, true},
		{"put in", present(5), nil, true},
		{"reader unplugged", pcsc.Event{}, []string{"TEST reader"}, true},
		{"plugged again", present(1), nil, true},
		{"service gone", pcsc.Event{Err: pcsc.ErrNoService}, []string{"TEST reader"}, true},
		{"still gone", pcsc.Event{Err: pcsc.ErrNoService}, nil, false},
		{"back, empty", pcsc.Event{Restarted: true}, nil, true},
		{"restarted unseen", pcsc.Event{Restarted: true}, nil, true},
	} {
		left, differs := r.take(step.event)
		if !slices.Equal(left, step.left) || differs != step.differs {
			t.Errorf("%s: left %v, differs %v", step.name, left, differs)
		}
	}
	r.take(empty(1))
	for _, c := range []struct {
		slots []pkcs11.Slot
		count int
		tell  bool
	}{
		{nil, 1, true}, {[]pkcs11.Slot{slot}, 1, true}, {[]pkcs11.Slot{slot, soft}, 2, false}, {[]pkcs11.Slot{{Description: "free"}}, 1, false},
	} {
		s := pkcs11.Snapshot{Slots: c.slots}
		if r.count(s) != c.count || r.tell(s) != c.tell {
			t.Errorf("%v: %d readers, told %v", c.slots, r.count(s), r.tell(s))
		}
	}
	r.take(pcsc.Event{Err: pcsc.ErrNoService})
	if s := (pkcs11.Snapshot{Slots: []pkcs11.Slot{slot, {Description: "x", Hardware: true}}}); r.count(s) != 1 || r.tell(s) {
		t.Error("readers that went with the service are counted")
	}
	r = readers{}
	r.take(pcsc.Event{Err: pcsc.ErrNoService})
	if s := (pkcs11.Snapshot{Slots: []pkcs11.Slot{{Description: "x", Hardware: true}, soft}}); r.count(s) != 2 || r.tell(s) {
		t.Error("without a service the modules' word counts")
	}
}

// The dialogs close when the card leaves, although the module says nothing yet.
func TestCardLeavesWhileAsked(t *testing.T) {
	for _, dialog := range []string{"PIN", "choice"} {
		t.Run(dialog, func(t *testing.T) {
			cards, person := oneCard(t)
			events := make(chan pcsc.Event)
			open := make(chan struct{})
			wait := func(ctx context.Context) error {
				close(open)
				<-ctx.Done()
				return ctx.Err()
			}
			person.pin = func(ctx context.Context, _ prompt.PIN) ([]byte, error) { return nil, wait(ctx) }
			person.choose = func(ctx context.Context, _ []prompt.Holder) (int, error) { return 0, wait(ctx) }
			if dialog == "choice" {
				two, _ := holder(t, 2)
				cards.snapshot.Certificates = append(cards.snapshot.Certificates, two)
			}
			p := openPage(t, serve(t, setup{cards: cards, person: person, events: events}), listedOrigin)
			events <- present(1)
			p.authenticate(1)
			<-open
			events <- empty(2)
			want(t, p.answer(), CodeCardRemoved)
		})
	}
}

// Where no event tells of a card, the agent looks while a person is asked.
func TestCardLeavesUnseen(t *testing.T) {
	cards, person := oneCard(t)
	person.pin = func(ctx context.Context, _ prompt.PIN) ([]byte, error) {
		cards.set(pkcs11.Snapshot{})
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p := openPage(t, serve(t, setup{cards: cards, person: person, limits: Limits{Look: time.Millisecond}}), listedOrigin)
	p.authenticate(1)
	want(t, p.answer(), CodeCardRemoved)
}

// A page hears of its card at once, also while the module is at work, and only
// of its own.
func TestRemovedIsTold(t *testing.T) {
	cards, person := oneCard(t)
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, person: person, events: events})
	events <- present(1)
	p, stranger := openPage(t, s, listedOrigin), openPage(t, s, listedOrigin)
	id := cards.snapshot.Certificates[0].ID
	stranger.send(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := stranger.answer(); a.Error == nil || a.Error.Code != CodeInvalidParams {
		t.Errorf("watch before any login: %+v", a)
	}
	p.authenticate(1)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	// After navigating, the page is a new connection: it watches.
	next := openPage(t, s, listedOrigin)
	next.send(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := next.answer(); a.Error != nil || a.Result["present"] != true {
		t.Fatalf("watch: %+v", a)
	}
	events <- empty(2) // the module still shows the card: it has not been asked
	for _, page := range []*testPage{p, next} {
		if a := page.read(); a.Method != "card" || a.Params.Event != "removed" {
			t.Errorf("%+v", a)
		}
	}
	cards.set(pkcs11.Snapshot{})
	late := openPage(t, s, listedOrigin)
	s.looks.refresh(t.Context())
	<-s.looks.next()
	late.send(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := late.answer(); a.Error != nil || a.Result["present"] != false {
		t.Errorf("a card that left between two pages: %+v", a)
	}
}

// Waiting for a card costs no look where events tell, and the card's event
// begins the login.
func TestWaitingForEvents(t *testing.T) {
	cards, person := oneCard(t)
	with := cards.snapshot
	cards.snapshot = pkcs11.Snapshot{Slots: []pkcs11.Slot{{Description: "TEST reader", Hardware: true}}}
	events := make(chan pcsc.Event)
	asked := make(chan struct{})
	person.insert = func(ctx context.Context, _ bool) error { close(asked); <-ctx.Done(); return ctx.Err() }
	s := serve(t, setup{cards: cards, person: person, events: events, limits: Limits{Look: time.Millisecond}})
	events <- empty(1)
	events <- empty(1) // the first is done with
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	<-asked
	before := cards.looks()
	time.Sleep(50 * time.Millisecond) // fifty times what a poll would wait
	if n := cards.looks(); n != before {
		t.Errorf("%d looks while events tell", n-before)
	}
	cards.set(with)
	events <- present(2)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
}

// Asking for the status costs no look where events tell.
func TestStatusReadsTheSnapshot(t *testing.T) {
	cards, person := oneCard(t)
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, person: person, events: events, limits: Limits{Stale: time.Nanosecond}})
	events <- present(1)
	events <- present(1)
	p := openPage(t, s, listedOrigin)
	status := func() testAnswer {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"status"}`)
		return p.answer()
	}
	for status().Result["card"] != "present" {
	}
	before := cards.looks()
	for range 20 {
		status()
	}
	if n := cards.looks(); n != before {
		t.Errorf("%d looks for twenty times the status", n-before)
	}
}

func TestServiceRestarted(t *testing.T) {
	cards, person := oneCard(t)
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, person: person, events: events})
	events <- pcsc.Event{Err: pcsc.ErrNoService}
	e := present(1)
	e.Restarted = true
	events <- e
	events <- present(1)
	cards.mu.Lock()
	restarted := cards.restarted
	cards.mu.Unlock()
	if restarted != 1 {
		t.Errorf("the modules were restarted %d times", restarted)
	}
	_ = s
}

// A look asked for while one runs is made after it: what the first has seen may
// be from before the change.
func TestLooksAreNotLost(t *testing.T) {
	cards, _ := oneCard(t)
	l := newLooks(cards, time.Now, slog.New(slog.DiscardHandler))
	var n atomic.Int32
	first := make(chan struct{})
	l.onChange(func(pkcs11.Snapshot) {
		if n.Add(1) == 1 {
			l.refresh(t.Context())
			l.refresh(t.Context())
			close(first)
		}
	})
	l.refresh(t.Context())
	<-first
	l.wait(10 * time.Second)
	if got := cards.looks(); got != 2 {
		t.Errorf("%d looks, want 2", got)
	}
}

func TestRemovedError(t *testing.T) {
	ctx, end := (&waits{}).begin(t.Context(), "x")
	if err := removed(ctx, prompt.ErrTimeout); !errors.Is(err, prompt.ErrTimeout) {
		t.Errorf("%v", err)
	}
	end()
}
