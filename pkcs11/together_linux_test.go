package pkcs11

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// TestSignatureHasItsTime: C_Sign keeps the time that a card may take for it where
// C_SignInit goes with it, and a process that ends in them is said to have ended in either.
func TestSignatureHasItsTime(t *testing.T) {
	m := &playedModule{script: []string{"{\"then\":[{}]}\tVEVTVA=="}, ended: make(chan struct{})}
	d := m.process()
	how := p11.NewMechanism(p11.CKM_RSA_PKCS, nil)
	if value, err := signWithKey(d, 1, how, 2, []byte("TEST")); err != nil || string(value) != "TEST" {
		t.Fatalf("%q, %v", value, err)
	}
	if got, want := m.calls[0].Limit, d.limits.Card.Milliseconds(); got != want {
		t.Errorf("%d ms for C_SignInit and C_Sign, want %d", got, want)
	}
	if _, err := signWithKey(d, 1, how, 2, []byte("TEST")); err == nil || !strings.Contains(err.Error(), "C_SignInit, C_Sign: ") {
		t.Errorf("%v", err)
	}
}

// TestManyParts: a frame that is small becomes no large answer. Each of these has 4 MiB at
// most, and would have some hundred in the agent's memory.
func TestManyParts(t *testing.T) {
	const n = 1 << 20
	for name, head := range map[string]string{
		"replies":      `{"then":[` + strings.Repeat(`{},`, n) + `{}]}`,
		"no replies":   `{"then":[` + strings.Repeat(`0,`, n) + `0]}`,
		"with objects": `{"ids":[1],"objects":[[` + strings.Repeat(`{},`, n) + `{}]]}`,
	} {
		m := &playedModule{script: []string{head}, ended: make(chan struct{})}
		if err := (&pipe{r: m}).receiveOnly(); !errors.Is(err, errParts) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (p *pipe) receiveOnly() error {
	_, err := p.receive(&reply{})
	return err
}

// openedSessions counts the sessions that are open.
type openedSessions struct {
	oneObject
	open int
}

func (o *openedSessions) OpenSession(uint) (p11.SessionHandle, error) { o.open++; return 7, nil }
func (o *openedSessions) CloseSession(p11.SessionHandle) error        { o.open--; return nil }

// TestRepeatLeavesNoSession: neither where the reading has one that could not be opened then.
func TestRepeatLeavesNoSession(t *testing.T) {
	until := time.Now().Add(time.Hour)
	for name, was := range map[string]reply{"as it was": {Value: 3}, "not opened then": {CKR: p11.CKR_TOKEN_NOT_PRESENT}} {
		m := &openedSessions{}
		c := &child{module: m, slots: map[p11.SessionHandle]uint{}, loggedIn: map[p11.SessionHandle]bool{}}
		c.last.note(call{Op: "C_OpenSession", Slot: 1, Reading: 1}, was, 0)
		got := c.repeat(call{Op: opRepeat, Reading: 1}, until)
		if same := was.CKR == 0; same != (got.Value == unchanged) || m.open != 0 {
			t.Errorf("%s: %+v, %d sessions left open", name, got, m.open)
		}
	}
}

// TestRecordedIsBounded: what a module's process keeps of a reading, and how long it may
// take to repeat it.
func TestRecordedIsBounded(t *testing.T) {
	until := time.Now().Add(time.Hour)
	info := call{Op: "C_GetInfo", Reading: 1}
	for name, note := range map[string]func(l *recorded){
		"calls": func(l *recorded) {
			for range maxRecorded + 1 {
				l.note(info, reply{}, 0)
			}
		},
		"bytes": func(l *recorded) {
			for range maxRecordedBytes>>20 + 1 {
				l.note(info, reply{Objects: [][]reply{{{Values: [][]byte{make([]byte, 1<<20)}}}}}, 0)
			}
			l.note(info, reply{}, 0)
		},
	} {
		var l recorded
		if note(&l); len(l.calls) > 0 || len(l.replies) > 0 {
			t.Errorf("%s: %d calls are kept", name, len(l.calls))
		}
	}
	c := &child{module: &oneObject{}}
	list := call{Op: "C_GetSlotList", Reading: 1}
	c.last.note(list, reply{IDs: []uint{1}}, time.Minute)
	if got := c.repeat(call{Op: opRepeat, Reading: 1}, until); got.Value != unchanged {
		t.Errorf("%+v", got)
	}
	if got := c.repeat(call{Op: opRepeat, Reading: 1}, time.Now().Add(time.Second)); got.Value == unchanged {
		t.Error("a reading of a minute is repeated where there is a second")
	}
}

// TestNotRepeated: a card that says that it is locked because this pool has shown it the PIN
// will say the same where that is so no more; and what PC/SC said of a reader is not in the
// module's answers.
func TestNotRepeated(t *testing.T) {
	var facts pinFacts
	slot := Slot{Token: &Token{Serial: "TEST"}}
	if r := (&reading{clean: true, slots: []Slot{slot}}); !r.repeatable() {
		t.Error("cannot be repeated")
	}
	empty := &reading{clean: true, slots: []Slot{{Hardware: true}}}
	if empty.repeatable() {
		t.Error("a reader stands although nobody hears what PC/SC says of it")
	}
	if empty.basis.known = true; !empty.repeatable() {
		t.Error("a slot that is no reader of PC/SC's does not")
	}
	facts.opens(slot)
	slot.Token.PINLocked = true
	facts.interpret(&slot, false)
	if r := (&reading{clean: true, slots: []Slot{slot}}); slot.Token.PINLocked || r.repeatable() {
		t.Errorf("%+v", slot.Token)
	}
}

// TestHangInARepeatedReading: it is said what the module did not answer, and for how long.
func TestHangInARepeatedReading(t *testing.T) {
	p, _ := counted(t)
	authentication(t, p, "cps")
	d := p.modules[0].driver.(*moduleProcess)
	d.limits.Other = 300 * time.Millisecond
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := p.List(t.Context())
	mustBe(t, err, ErrModuleHangs)
	if !strings.Contains(err.Error(), opRepeat+": no answer in 300ms") {
		t.Error(err)
	}
}

// TestNothingAheadOfAReader: with a session before the PIN goes nothing that may be a
// command to the card, where PC/SC says whether that stayed.
func TestNothingAheadOfAReader(t *testing.T) {
	slot := Slot{Module: "/TEST/module.so", ID: 1, Description: "TEST reader", Hardware: true, Token: &Token{Serial: "TEST"}}
	for name, b := range map[string]basis{
		"C_GetSessionInfo": {known: true, readers: []readerPhase{{pcsc.Reader{Name: slot.Description, Present: true}, 1}}},
		"C_GetSessionInfo, C_GetSlotInfo, C_GetTokenInfo": {},
	} {
		m := &playedModule{script: []string{`{}`, `{"value":1,"then":[{}]}`}, ended: make(chan struct{})}
		p, err := open(t.Context(), Options{Modules: []string{slot.Module}}, func(string) (driver, error) { return m.process(), nil })
		if err != nil {
			t.Fatal(err)
		}
		withoutPCSC(p)
		p.modules[0].setReading(&reading{slots: []Slot{slot}, basis: b})
		j := &job{pool: p, module: p.modules[0], chosen: Certificate{Slot: slot}, basis: b}
		if reopened, err := j.ensureSession(p.modules[0].driver, slot); err != nil || !reopened {
			t.Fatalf("%v, %v", reopened, err)
		}
		if got := m.calls[len(m.calls)-1].name(); got != "C_OpenSession, "+name {
			t.Errorf("%s, want %s", got, name)
		}
		_ = p.Close()
	}
}

// TestCardSessionOfAReader: that a card session stands proves nothing of a card that could
// be pulled, where PC/SC does not prove it.
func TestCardSessionOfAReader(t *testing.T) {
	p := lying(t, `{}`, `{"value":3}`, `{"value":3}`)
	m := p.modules[0]
	for _, c := range []struct {
		hardware, heard, proved bool
	}{{false, false, true}, {false, true, true}, {true, false, false}, {true, true, false}} {
		p.observed.known = c.heard
		slot := Slot{Module: m.path, ID: 1, Description: "TEST", Hardware: c.hardware, Token: &Token{Serial: "TEST"}}
		m.setReading(&reading{clean: true, slots: []Slot{slot}, basis: p.basis(), driver: m.driver})
		m.cardSession = &cardSession{certificate: Certificate{Slot: slot}}
		if m.driver == nil {
			t.Fatal("the module is not open")
		}
		if p.onSilentSlot(m) != c.proved || (p.sessionReading(m) != nil) != c.proved {
			t.Errorf("%+v: %t, %v", c, p.onSilentSlot(m), p.sessionReading(m))
		}
	}
	m.cardSession = nil
}
