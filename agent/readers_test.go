package agent

import (
	"context"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// The dialogs close when the card leaves, although the module says nothing yet.
func TestCardLeavesWhileAsked(t *testing.T) {
	for _, dialog := range []string{"PIN", "choice"} {
		t.Run(dialog, func(t *testing.T) {
			pool, person := fakes.OneCard(t)
			events := make(chan pcsc.Event)
			open := make(chan struct{})
			wait := func(ctx context.Context) error {
				close(open)
				<-ctx.Done()
				return ctx.Err()
			}
			person.OnPIN = func(ctx context.Context, _ prompt.PIN) ([]byte, error) { return nil, wait(ctx) }
			person.OnChoose = func(ctx context.Context, _ []prompt.Holder) (int, error) { return 0, wait(ctx) }
			if dialog == "choice" {
				two, _ := fakes.Certificate(t, 2)
				pool.Cards.Certificates = append(pool.Cards.Certificates, two)
			}
			p := openPage(t, serve(t, setup{pool: pool, person: person, events: events}), listedOrigin)
			events <- fakes.Present(1)
			p.authenticate(1)
			<-open
			events <- fakes.Empty(2)
			want(t, p.answer(), protocol.CodeCardRemoved)
		})
	}
}

// Where no event reports a card, the agent polls while a person is asked.
func TestCardLeavesUnseen(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnPIN = func(ctx context.Context, _ prompt.PIN) ([]byte, error) {
		pool.Set(pkcs11.Snapshot{})
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person, limits: Limits{Cards: cards.Limits{Poll: time.Millisecond}}}), listedOrigin)
	p.authenticate(1)
	want(t, p.answer(), protocol.CodeCardRemoved)
}

// A page hears of its card at once, also while the module is at work, and only
// of its own.
func TestRemovedIsNotified(t *testing.T) {
	pool, person := fakes.OneCard(t)
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, person: person, events: events})
	events <- fakes.Present(1)
	p, other := openPage(t, s, listedOrigin), openPage(t, s, listedOrigin)
	id := pool.Cards.Certificates[0].ID
	other.send(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := other.answer(); a.Error == nil || a.Error.Code != protocol.CodeInvalidParams {
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
	events <- fakes.Empty(2) // the module still shows the card: it has not been asked
	for _, page := range []*testPage{p, next} {
		if a := page.read(); a.Method != "card" || a.Params.Event != "removed" {
			t.Errorf("%+v", a)
		}
	}
	pool.Set(pkcs11.Snapshot{})
	afterwards := openPage(t, s, listedOrigin)
	ended := s.cards.NextReading()
	s.Refresh(t.Context())
	<-ended
	afterwards.send(`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := afterwards.answer(); a.Error != nil || a.Result["present"] != false {
		t.Errorf("a card that left between two pages: %+v", a)
	}
}

// Waiting for a card costs no reading where events report changes, and the card's event
// begins the login.
func TestEventsSpareReadings(t *testing.T) {
	pool, person := fakes.OneCard(t)
	with := pool.Cards
	pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{{Description: "TEST reader", Hardware: true}}}
	events := make(chan pcsc.Event)
	asked := make(chan struct{})
	person.OnInsert = func(ctx context.Context, _ bool) error { close(asked); <-ctx.Done(); return ctx.Err() }
	s := serve(t, setup{pool: pool, person: person, events: events, limits: Limits{Cards: cards.Limits{Poll: time.Millisecond}}})
	events <- fakes.Empty(1)
	events <- fakes.Empty(1) // the first is done with
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	<-asked
	before := pool.Reads()
	time.Sleep(50 * time.Millisecond) // fifty times what a poll would wait
	if n := pool.Reads(); n != before {
		t.Errorf("%d looks while events tell", n-before)
	}
	pool.Set(with)
	events <- fakes.Present(2)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
}

// Asking for the status costs no reading where events report changes.
func TestStatusReadsTheSnapshot(t *testing.T) {
	pool, person := fakes.OneCard(t)
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, person: person, events: events, limits: Limits{Cards: cards.Limits{Outdated: time.Nanosecond}}})
	events <- fakes.Present(1)
	events <- fakes.Present(1)
	p := openPage(t, s, listedOrigin)
	status := func() testAnswer {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"status"}`)
		return p.answer()
	}
	for status().Result["card"] != "present" {
	}
	before := pool.Reads()
	for range 20 {
		status()
	}
	if n := pool.Reads(); n != before {
		t.Errorf("%d looks for twenty times the status", n-before)
	}
}

func TestServiceRestarted(t *testing.T) {
	pool, person := fakes.OneCard(t)
	events := make(chan pcsc.Event)
	serve(t, setup{pool: pool, person: person, events: events})
	events <- pcsc.Event{Err: pcsc.ErrNoService}
	e := fakes.Present(1)
	e.Restarted = true
	events <- e
	events <- fakes.Present(1)
	if n := pool.Restarts(); n != 1 {
		t.Errorf("the modules were restarted %d times", n)
	}
}
