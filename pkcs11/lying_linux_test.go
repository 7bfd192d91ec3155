package pkcs11

import (
	"fmt"
	"strings"
	"testing"
)

// lying is a pool on a module that answers with these lines.
func lying(t *testing.T, lines ...string) *Pool {
	t.Helper()
	m := &playedModule{script: lines, ended: make(chan struct{})}
	p, err := open(t.Context(), Options{Modules: []string{"/TEST/module.so"}}, func(string) (driver, error) { return m.process(), nil })
	if err != nil {
		t.Fatal(err)
	}
	withoutPCSC(p)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestSlotNamedTwice: a module that names one slot twice, with a card and without, does
// not end the agent.
func TestSlotNamedTwice(t *testing.T) {
	const slot, noCard, token, session = `{"slotInfo":{"Flags":1}}`, `{"slotInfo":{"Flags":4}}`, `{"tokenInfo":{"Flags":1036,"SerialNumber":"TEST"}}`, `{"value":1}`
	empty := []string{slot, token, session, `{}`, `{}`}
	unreadable := []string{slot, token, session, `{"ids":[1]}`, `{"values":["MAMCAQE="]}`, `{"values":[""]}`, `{"values":[""]}`, `{"values":[""]}`, `{}`}
	answers := append([]string{`{}`, `{"ids":[1,2,1]}`}, append(empty, append(unreadable, noCard)...)...)
	s, err := lying(t, answers...).List(t.Context())
	if err != nil || len(s.Certificates) != 1 || len(s.Slots) != 2 || !s.Slots[0].Hidden == s.Slots[1].Hidden {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestMoreSlotsThanReaders: a module that names slots without end does not hold a
// reading up for ever.
func TestMoreSlotsThanReaders(t *testing.T) {
	ids := make([]string, 5000)
	answers := []string{`{}`, ""}
	for i := range ids {
		ids[i] = fmt.Sprint(i)
		answers = append(answers, `{"slotInfo":{"Flags":4}}`)
	}
	answers[1] = `{"ids":[` + strings.Join(ids, ",") + `]}`
	s, err := lying(t, answers...).List(t.Context())
	if err != nil || len(s.Slots) != 256 {
		t.Errorf("%d slots, %v", len(s.Slots), err)
	}
}

// TestFailureAtLength: what a module's process says of a failure is for a line of the log.
func TestFailureAtLength(t *testing.T) {
	p := lying(t, `{}`, `{"failure":"`+strings.Repeat(`\u001b[31m\nERROR `, 10000)+`"}`)
	_, err := p.List(t.Context())
	mustBe(t, err, ErrModuleFailed)
	if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\x1b\n") {
		t.Errorf("%d bytes: %.200q", len(text), text)
	}
}
