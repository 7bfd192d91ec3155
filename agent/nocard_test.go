package agent

import (
	"context"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func TestNoCard(t *testing.T) {
	pool, person := fakes.OneCard(t)
	pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	person.OnInsert = func(ctx context.Context, reader bool) error {
		if !reader {
			t.Error("a reader is asked for")
		}
		return fakes.DoNothing(ctx)
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person, limits: Limits{Login: login.Limits{Insert: 50 * time.Millisecond}, Cards: cards.Limits{Poll: 5 * time.Millisecond}}}), listedOrigin)
	p.authenticate(1)
	p.progress(protocol.AskingForCard)
	want(t, p.answer(), protocol.CodeNoCard)
}

// TestNoReader: the dialog asks for the reader too, and the page learns whether
// it is known that there is none.
func TestNoReader(t *testing.T) {
	outdated := []pkcs11.Slot{fakes.EmptySlot} // a module goes on naming a reader that has left
	for name, c := range map[string]struct {
		slots  []pkcs11.Slot
		events []pcsc.Event
		detail string
	}{
		"no reader":                  {nil, []pcsc.Event{{}}, ""},
		"unplugged":                  {outdated, []pcsc.Event{fakes.Empty(1), {}}, ""},
		"no service":                 {nil, []pcsc.Event{{Err: pcsc.ErrNoService}}, protocol.DetailNoService},
		"the service was stopped":    {outdated, []pcsc.Event{fakes.Empty(1), {Err: pcsc.ErrNoService}}, protocol.DetailNoService},
		"the service refuses":        {nil, []pcsc.Event{{Err: pcsc.ErrRefused}}, protocol.DetailNoPermission},
		"the service came back bare": {outdated, []pcsc.Event{{Err: pcsc.ErrNoService}, {Restarted: true}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pool, person := fakes.OneCard(t)
			pool.Cards = pkcs11.Snapshot{Slots: c.slots}
			person.OnInsert = func(ctx context.Context, reader bool) error {
				if reader {
					t.Error("a card is asked for, and no reader")
				}
				return fakes.DoNothing(ctx)
			}
			events := make(chan pcsc.Event)
			s := serve(t, setup{pool: pool, person: person, events: events, limits: Limits{Login: login.Limits{Insert: 50 * time.Millisecond}, Cards: cards.Limits{Poll: 5 * time.Millisecond}}})
			for _, e := range append(c.events, c.events[len(c.events)-1]) { // the last but one is done with
				events <- e
			}
			p := openPage(t, s, listedOrigin)
			p.authenticate(1)
			p.progress(protocol.AskingForCard)
			a := p.answer()
			if want(t, a, protocol.CodeNoReader); a.Error.Data.Detail != c.detail {
				t.Errorf("%+v", a.Error.Data)
			}
		})
	}
}

// TestReaderComesAndGoes: the dialog asks for what is missing, and what is answered as
// it changes is not lost.
func TestReaderComesAndGoes(t *testing.T) {
	pool, person := fakes.OneCard(t)
	pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	events, asked := make(chan pcsc.Event), make(chan bool)
	n := 0
	person.OnInsert = func(ctx context.Context, reader bool) error {
		asked <- reader
		<-ctx.Done()
		if n++; n == 3 {
			return prompt.ErrCancelled
		}
		return ctx.Err()
	}
	s := serve(t, setup{pool: pool, person: person, events: events})
	events <- fakes.Empty(1)
	events <- fakes.Empty(1)
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	for _, step := range []struct {
		reader bool
		then   pcsc.Event
	}{{true, pcsc.Event{}}, {false, fakes.Empty(1)}, {true, pcsc.Event{}}} {
		if got := <-asked; got != step.reader {
			t.Errorf("reader %v, want %v", got, step.reader)
		}
		events <- step.then
	}
	p.progress(protocol.AskingForCard)
	want(t, p.answer(), protocol.CodeCancelled)
}

// TestCardComes: the dialog closes by itself and the login goes on.
func TestCardComes(t *testing.T) {
	pool, person := fakes.OneCard(t)
	with := pool.Cards
	pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	closed := make(chan struct{})
	person.OnInsert = func(ctx context.Context, _ bool) error {
		pool.Set(with)
		<-ctx.Done()
		close(closed)
		return ctx.Err()
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person, limits: Limits{Cards: cards.Limits{Poll: 5 * time.Millisecond}}}), listedOrigin)
	p.authenticate(1)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	<-closed
}

func TestInsertCancelled(t *testing.T) {
	pool, person := fakes.OneCard(t)
	pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	person.OnInsert = func(context.Context, bool) error { return prompt.ErrCancelled }
	p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
	p.authenticate(1)
	want(t, p.answer(), protocol.CodeCancelled)
}
