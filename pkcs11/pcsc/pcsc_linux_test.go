package pcsc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// socket is one for the whole process: the real client library reads its name
// once. Each test has a service of its own behind it.
var socket string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pcsc")
	if err != nil {
		panic(err)
	}
	socket = filepath.Join(dir, "pcscd")
	if err := os.Setenv("PCSCLITE_CSOCK_NAME", socket); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newCard(t *testing.T) vcard.Card {
	t.Helper()
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: virtual.PIVP256})
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func newStation(t *testing.T, o virtual.StationOptions) *virtual.Station {
	t.Helper()
	o.Socket = socket
	d, err := virtual.NewStation(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// watch tells the events as lines.
func watch(t *testing.T) <-chan string {
	t.Helper()
	events := make(chan string, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, func(e Event) {
			var line []string
			if e.Restarted {
				line = append(line, "restarted")
			}
			if e.Err != nil {
				line = append(line, "away")
			}
			for _, r := range e.Readers {
				line = append(line, fmt.Sprintf("%s:%v", r.Name, r.Present))
			}
			events <- strings.Join(line, " ")
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("Watch did not end with its context")
		}
	})
	return events
}

func expect(t *testing.T, events <-chan string, want string) {
	t.Helper()
	select {
	case got := <-events:
		if got != want {
			t.Fatalf("event %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no event, want %q", want)
	}
}

func TestWatch(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R", Card: newCard(t)})
	events := watch(t)
	expect(t, events, "R:true")
	for range 3 {
		d.Remove()
		expect(t, events, "R:false")
		d.Insert()
		expect(t, events, "R:true")
	}
	d.Unplug()
	expect(t, events, "")
	if err := d.Plug(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "R:true")
	second, err := d.Service().Plug("S", vreader.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, events, "R:true S:false")
	second.Unplug()
	expect(t, events, "R:true")
}

// TestNoReader: a service without any reader says so, at once and after it was
// away, and does not keep who asks waiting until one comes.
func TestNoReader(t *testing.T) {
	listen := func() *vreader.Service {
		t.Helper()
		s, err := vreader.Listen(socket)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := listen()
	if list, err := Readers(ctx); err != nil || len(list) != 0 {
		t.Errorf("%v %v, want no reader", list, err)
	}
	events := watch(t)
	expect(t, events, "")
	if _, err := s.Plug("R", vreader.ReaderOptions{}); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "R:false")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "away")
	if _, err := Readers(ctx); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
	s = listen()
	expect(t, events, "restarted")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "away")
}

// A card taken out and put back between two looks is not the card that was
// there: the count of insertions tells.
func TestQuickSwap(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R", Card: newCard(t)})
	counts := make(chan uint16, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	block := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, func(e Event) {
			if len(e.Readers) == 1 {
				counts <- e.Readers[0].Count
			}
			<-block
		})
	}()
	first := <-counts
	d.Remove()
	d.Insert()
	close(block)
	for last := first; last != first+2; {
		select {
		case last = <-counts:
		case <-time.After(10 * time.Second):
			t.Fatalf("count %d, want %d", last, first+2)
		}
	}
	cancel()
	<-ended
}

// A service that refuses the session is not one that is away, and is asked again.
func TestRefused(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R", Card: newCard(t)})
	d.Service().Refuse(true)
	if _, err := Readers(t.Context()); !errors.Is(err, ErrRefused) || errors.Is(err, ErrNoService) {
		t.Errorf("readers: %v", err)
	}
	if err := ResetCard("R"); !errors.Is(err, ErrRefused) {
		t.Errorf("reset: %v", err)
	}
	events := watch(t)
	expect(t, events, "away")
	d.Service().Refuse(false)
	expect(t, events, "restarted R:true")
}

func TestServiceComesAndGoes(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R"})
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	events := watch(t)
	expect(t, events, "away")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "restarted R:false")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "away")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "restarted R:false")
}

// Whoever waits asks nothing: the service hears no word until a card comes.
func TestIdleWatchIsFree(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R", Card: newCard(t)})
	events := watch(t)
	expect(t, events, "R:true")
	d.Remove()
	expect(t, events, "R:false")
	settled := d.Service().Requests()
	for {
		time.Sleep(200 * time.Millisecond) // what is tested is that nothing happens
		now := d.Service().Requests()
		if now == settled {
			break
		}
		if now > settled+10 {
			t.Fatalf("%d requests without an event", now-settled)
		}
		settled = now // the wait had yet to begin
	}
	d.Insert()
	expect(t, events, "R:true")
}

// verifyPIN shows the card its PIN.
func verifyPIN(t *testing.T, r *vreader.Reader, card vcard.Card) {
	t.Helper()
	r.Transmit([]byte{0x00, 0xA4, 0x04, 0x00, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0})
	if answer := r.Transmit([]byte{0x00, 0x20, 0x00, 0x80, 8, '1', '2', '3', '4', 0xFF, 0xFF, 0xFF, 0xFF}); answer[0] != 0x90 || !card.PIN().Verified() {
		t.Fatalf("VERIFY: %x", answer)
	}
}

func TestResetCard(t *testing.T) {
	card := newCard(t)
	d := newStation(t, virtual.StationOptions{Reader: "R", Card: card})
	if err := ResetCard("none"); !errors.Is(err, ErrUnknownReader) {
		t.Errorf("no such reader: %v", err)
	}
	verifyPIN(t, d.Reader(), card)
	if err := ResetCard("R"); err != nil {
		t.Fatal(err)
	}
	if card.PIN().Verified() {
		t.Error("the card is still open")
	}
	// A reset is no insertion.
	if state, err := State("R"); state != (Reader{Name: "R", Present: true, Count: 1}) || err != nil {
		t.Errorf("in: %+v, %v", state, err)
	}
	if _, err := State("none"); !errors.Is(err, ErrUnknownReader) {
		t.Errorf("no such reader: %v", err)
	}
	d.Remove()
	if state, err := State("R"); state != (Reader{Name: "R", Count: 2}) || err != nil {
		t.Errorf("removed: %+v, %v", state, err)
	}
	if err := ResetCard("R"); !errors.Is(err, ErrUnknownReader) {
		t.Errorf("no card: %v", err)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := ResetCard("R"); !errors.Is(err, ErrNoService) {
		t.Errorf("no service: %v", err)
	}
}
