package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func TestReportTexts(t *testing.T) { catalogue.Check(t, reportTexts) }

// everything is a report in which all that can be said is said.
func everything(t *testing.T) Report {
	t.Helper()
	c, _ := holder(t, 1)
	expired := c
	expired.Reason = pkcs11.Expired
	expired.ID = strings.Repeat("e", 64)
	slots := []pkcs11.Slot{c.Slot, {Description: "Reader two"}, {Description: "Reader three", Unrecognized: true}}
	for i, token := range []pkcs11.Token{{PINCountLow: true}, {PINFinalTry: true, PINCountLow: true}, {PINLocked: true}, {PINNotSet: true}} {
		token.Label = fmt.Sprintf("card %d", i)
		slots = append(slots, pkcs11.Slot{Description: "Reader with a warning", Token: &token})
	}
	modules := []pkcs11.ModuleState{
		{Path: "/opt/one.so", Info: "Maker, Library, Cryptoki 2.20"},
		{Path: "/opt/two.so", Err: &pkcs11.Error{Op: "load", Path: "/opt/two.so", Kind: pkcs11.ErrNoModule}},
		{Path: "/opt/three.so", Err: &pkcs11.Error{Op: "load", Kind: pkcs11.ErrNotPKCS11}},
		{Path: "/opt/four.so", Err: &pkcs11.Error{Op: "start", Kind: pkcs11.ErrModuleFailed}},
	}
	cards := ReportCards(pkcs11.Snapshot{Slots: slots, Certificates: []pkcs11.Certificate{c, expired}}, modules, ChosenOf(c))
	cards.Reading = true
	three := 3
	return Report{
		Version: "1.2.3", PID: 42, Addresses: []string{"127.0.0.1:27720", "[::1]:27720"}, WSS: []string{"127.0.0.1:27820"}, WSSError: "TEST wss", CardReport: cards,
		Error: "TEST error", Sites: &three, SitesError: "TEST keyring",
		NotTaken: []NotTaken{{File: "/home/test/config.toml", Line: 3, Key: "ports.first"}}, Log: "/home/test/agent.log",
	}
}

func TestReportInWords(t *testing.T) {
	r := everything(t)
	for lang, parts := range map[string][]string{
		French: {
			"CPx Bridge 1.2.3 est en marche (processus 42).", "Adresses : 127.0.0.1:27720, [::1]:27720", "Adresses wss : 127.0.0.1:27820", "wss n’est pas servi. TEST wss", "/opt/one.so  Maker, Library, Cryptoki 2.20",
			"/opt/two.so  ne se charge pas (", "/opt/three.so  n’est pas un module PKCS#11 (", "/opt/four.so  ne fonctionne pas (",
			"TEST reader  TEST 1", "Reader two  sans carte", "Reader three  carte non reconnue",
			"peu d’essais", "dernier essai", "est bloqué", "pas encore de code porteur",
			"utilisable) ← prochaine connexion", "expiré)", "cours de lecture", "ne peuvent pas être lues : TEST error",
			"Sites mémorisés : 3", "TEST keyring", "/home/test/config.toml, ligne 3 : ports.first", "Journal : /home/test/agent.log",
		},
		English: {
			"CPx Bridge 1.2.3 is running (process 42).", "Addresses: 127.0.0.1:27720", "Addresses of wss: 127.0.0.1:27820", "wss is not served. TEST wss", "/opt/two.so  cannot be loaded (", "/opt/three.so  is no PKCS#11 module (",
			"/opt/four.so  does not work (", "Reader two  no card", "Reader three  card not recognised", "few tries are left", "last try", "PIN is locked", "no PIN yet",
			"usable) ← next login", "expired)", "are being read", "cannot be read: TEST error", "Remembered sites: 3", "TEST keyring",
			"/home/test/config.toml, line 3: ports.first", "Log: /home/test/agent.log",
		},
	} {
		text := r.Text(lang)
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is missing:\n%s", lang, part, text)
			}
		}
		if strings.ContainsRune(text, '\uFFFD') || strings.Contains(text, "%!") {
			t.Errorf("%s:\n%s", lang, text)
		}
	}
}

// What a card or a module says must not steer a terminal, nor make a line of
// its own.
func TestReportIsSafe(t *testing.T) {
	r := everything(t)
	const hostile = "a\x1b[31mb\u202ec\u009bd\ne"
	r.Readers[0].Name, r.Certificates[0].Holder, r.Modules[0].Info, r.Error = hostile, hostile, hostile, hostile
	r.NotTaken[0].Key, r.Modules[1].Error = hostile, hostile
	text := r.Text(French)
	if strings.ContainsAny(text, "\x1b\u202e\u009b") || strings.Count(text, "\n") != strings.Count(everything(t).Text(French), "\n") {
		t.Errorf("%q", text)
	}
	for in, want := range map[string]string{"Éloïse": "Éloïse", "a\x1b[31mb": "a\uFFFD[31mb", "a\u202eb": "a\uFFFDb", "\u009b": "\uFFFD"} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestReportKnows: what the server knows is in the report, and what goes over
// the socket comes out of it.
func TestReportKnows(t *testing.T) {
	cards, person := oneCard(t)
	s := serve(t, setup{cards: cards, person: person, choice: NewChoice(t.TempDir())})
	s.policy.Warnings = []policy.Warning{{File: "f", Line: 2, Key: "k", Text: "why"}}
	id := cards.snapshot.Certificates[0].ID
	if err := s.Use(id); err != nil {
		t.Fatal(err)
	}
	r := s.Report(t.Context(), false)
	var again Report
	if err := json.Unmarshal(marshal(r), &again); err != nil || again.Text(French) != r.Text(French) {
		t.Errorf("%v\n%s", err, again.Text(French))
	}
	if r.PID != os.Getpid() || r.Version != "test" || len(r.Addresses) == 0 || r.Reading || len(r.NotTaken) != 1 ||
		len(r.Certificates) != 1 || !r.Certificates[0].Chosen || len(r.Modules) != 1 {
		t.Errorf("%+v", r)
	}
}

// hanging are cards whose module hangs from the second look on.
type hanging struct {
	*fakeCards
	asked chan struct{}
}

func (h hanging) List(ctx context.Context) (pkcs11.Snapshot, error) {
	if h.looks() == 0 {
		return h.fakeCards.List(ctx)
	}
	h.asked <- struct{}{}
	<-ctx.Done()
	return pkcs11.Snapshot{}, context.Cause(ctx)
}

// TestReportLooks: a report is given without a look where events tell, and with
// one where it is asked for; a module that hangs keeps nobody waiting.
func TestReportLooks(t *testing.T) {
	cards, _ := oneCard(t)
	clock := &testClock{t: time.Now()}
	s := &Server{policy: &policy.Effective{}, cards: cards, now: clock.now, limits: Limits{}.withDefaults()}
	s.queue = newQueue(clock.now, s.limits)
	s.looks = newLooks(cards, clock.now, nil)
	if _, err := s.looks.list(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Report(t.Context(), false)
	if n := cards.looks(); n != 1 {
		t.Errorf("%d looks for a fresh one", n)
	}
	clock.advance(s.limits.Stale + 1)
	s.Report(t.Context(), false)
	if n := cards.looks(); n != 2 {
		t.Errorf("%d looks, want one for what no event tells", n)
	}
	s.Report(t.Context(), true)
	if n := cards.looks(); n != 3 {
		t.Errorf("%d looks, want one that was asked for", n)
	}
	h := hanging{cards, make(chan struct{}, 1)}
	s.cards, s.looks.cards = h, h
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-h.asked; cancel() }()
	r := s.Report(ctx, true)
	if r.Error != "" || !r.Late || len(r.Certificates) != 1 {
		t.Errorf("a module that hangs: %+v", r)
	}
	for lang, want := range map[string]string{French: "date de la dernière lecture", English: "from the last look"} {
		if text := r.Text(lang); !strings.Contains(text, want) || strings.Contains(text, "context") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}

// TestReportSeesALock: what another program did to the PIN is seen by a look that
// was asked for, in words too, and for a login nothing is looked at.
func TestReportSeesALock(t *testing.T) {
	cards, person := oneCard(t)
	s := serve(t, setup{cards: cards, person: person, choice: NewChoice(t.TempDir())})
	if r := s.Report(t.Context(), false); len(r.Certificates) != 1 || !r.Certificates[0].Usable {
		t.Fatalf("%+v", r)
	}
	if err := s.Use(cards.snapshot.Certificates[0].ID); err != nil {
		t.Fatal(err)
	}
	read, _ := cards.Snapshot()
	for reason, token := range map[pkcs11.Reason]pkcs11.Token{ReasonPINLocked: {PINLocked: true}, ReasonPINNotSet: {PINNotSet: true}} {
		slot := read.Slots[0]
		slot.Token = &token
		c := read.Certificates[0]
		c.Slot = slot
		cards.set(pkcs11.Snapshot{Slots: []pkcs11.Slot{slot}, Certificates: []pkcs11.Certificate{c}})
		r := s.FullReport(t.Context(), French)
		if got := r.Certificates[0]; got.Usable || got.Reason != string(reason) || !got.Chosen {
			t.Errorf("%s: %+v", reason, got)
		}
		for _, lang := range []string{French, English} {
			if text := r.Text(lang); !strings.Contains(text, ReasonText(reason, lang)+") ← ") || ReasonText(reason, lang) == "" {
				t.Errorf("%s: %s", reason, text)
			}
		}
	}
	if err := s.queue.enter(t.Context(), listedOrigin); err != nil {
		t.Fatal(err)
	}
	before := cards.looks()
	r := s.Report(t.Context(), true)
	if n := cards.looks(); n != before || !r.Late {
		t.Errorf("%d looks during a login, told as late: %v", n-before, r.Late)
	}
	s.queue.leave()
	lent, free := s.queue.lend(t.Context())
	if r = s.Report(t.Context(), true); !free || cards.looks() != before+1 || r.Late || lent.Err() != nil {
		t.Errorf("free %v, %d looks while a turn is lent: %+v", free, cards.looks()-before, r)
	}
	wants, giveUp := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.queue.enter(wants, listedOrigin) }()
	<-lent.Done() // a login waits for it
	if r = s.Report(t.Context(), true); cards.looks() != before+1 || !r.Late {
		t.Errorf("%d looks before a login that wants the turn: %+v", cards.looks()-before, r)
	}
	giveUp()
	<-ended
	s.queue.leave()
}

// TestReportOfReaders: a reader that has left is named no more, and a service
// that does not answer is told where there is no reader.
func TestReportOfReaders(t *testing.T) {
	read := pkcs11.Snapshot{Slots: []pkcs11.Slot{emptySlot}}
	const said = "PC/SC"
	for name, c := range map[string]struct {
		read    pkcs11.Snapshot
		now     pcsc.Event
		readers int
		pcsc    string
	}{
		"there":             {read, empty(1), 1, ""},
		"unplugged":         {read, pcsc.Event{}, 0, ""},
		"no service":        {pkcs11.Snapshot{}, pcsc.Event{Err: pcsc.ErrNoService}, 0, detailNoService},
		"the module's word": {read, pcsc.Event{Err: pcsc.ErrNoLibrary}, 1, detailNoService},
	} {
		r := ReportLook(c.read, nil, Chosen{}, c.now)
		if len(r.Readers) != c.readers || r.PCSC != c.pcsc {
			t.Errorf("%s: %+v", name, r)
		}
		for _, lang := range []string{French, English} {
			if text := r.Text(lang); strings.Contains(text, said) != (c.pcsc != "" && c.readers == 0) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	s := &Server{policy: &policy.Effective{}, cards: &fakeCards{snapshot: read}, queue: newQueue(time.Now, Limits{})}
	s.looks = newLooks(s.cards, time.Now, nil)
	s.readers.take(empty(1))
	s.readers.take(pcsc.Event{Err: pcsc.ErrNoService}) // it was stopped
	if r := s.report(); len(r.Readers) != 0 || r.PCSC != detailNoService {
		t.Errorf("%+v", r)
	}
}

// TestReportOfModules: each failure keeps its reason.
func TestReportOfModules(t *testing.T) {
	for want, err := range map[string]error{
		"no_module": pkcs11.ErrNoModule, "not_pkcs11": pkcs11.ErrNotPKCS11, "module_failed": pkcs11.ErrModuleFailed, "internal": errors.New("TEST"),
	} {
		if got := reportModule(pkcs11.ModuleState{Err: fmt.Errorf("x: %w", err)}); got.Reason != want || got.Error == "" {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
