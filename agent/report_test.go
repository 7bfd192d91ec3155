package agent

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// TestReportKnows: what the server knows is in the report, and what goes over
// the socket comes out of it.
func TestReportKnows(t *testing.T) {
	pool, person := fakes.OneCard(t)
	p := settingsOf(t, "modules = [\"/test/module.so\"]\n", "modules = [\"/other.so\"]\n") // one that is not taken
	s := serve(t, setup{pool: pool, person: person, policy: p, choice: cards.NewChoice(t.TempDir())})
	id := pool.Cards.Certificates[0].ID
	if err := s.Use(id); err != nil {
		t.Fatal(err)
	}
	r := s.Report(t.Context(), false)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var copied state.State
	if err := json.Unmarshal(text, &copied); err != nil || copied.Text(language.French) != r.Text(language.French) {
		t.Errorf("%v\n%s", err, copied.Text(language.French))
	}
	if r.PID != os.Getpid() || r.Version != "test" || len(r.Addresses) == 0 || r.Reading || len(r.Ignored) != 1 ||
		len(r.Certificates) != 1 || !r.Certificates[0].Chosen || len(r.Modules) != 1 {
		t.Errorf("%+v", r)
	}
}

// hanging are cards whose module hangs from the second reading on.
type hanging struct {
	*fakes.Pool
	asked chan struct{}
}

func (h hanging) List(ctx context.Context) (pkcs11.Snapshot, error) {
	if h.Reads() == 0 {
		return h.Pool.List(ctx)
	}
	h.asked <- struct{}{}
	<-ctx.Done()
	return pkcs11.Snapshot{}, context.Cause(ctx)
}

// TestReportReads: a report is made without a reading where the last one serves,
// and with one where it is asked for; nobody waits for a module that hangs.
func TestReportReads(t *testing.T) {
	pool, person := fakes.OneCard(t)
	clock := &testClock{t: time.Now()}
	h := hanging{pool, make(chan struct{}, 1)}
	s := serve(t, setup{pool: pool, over: h, person: person, now: clock.now})
	s.Report(t.Context(), false)
	s.Report(t.Context(), false)
	if n := pool.Reads(); n != 1 {
		t.Errorf("%d readings", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-h.asked; cancel() }()
	r := s.Report(ctx, true)
	if r.Failure != nil || !r.Outdated || len(r.Certificates) != 1 {
		t.Errorf("a module that hangs: %+v", r)
	}
	for lang, want := range map[string]string{language.French: "date de la dernière lecture", language.English: "from the last look"} {
		if text := r.Text(lang); !strings.Contains(text, want) || strings.Contains(text, "context") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}

// TestReportSeesALock: what another program did to the PIN is seen by a reading that
// was asked for, in words too.
func TestReportSeesALock(t *testing.T) {
	pool, person := fakes.OneCard(t)
	s := serve(t, setup{pool: pool, person: person, choice: cards.NewChoice(t.TempDir())})
	if r := s.Report(t.Context(), false); len(r.Certificates) != 1 || !r.Certificates[0].Usable {
		t.Fatalf("%+v", r)
	}
	if err := s.Use(pool.Cards.Certificates[0].ID); err != nil {
		t.Fatal(err)
	}
	read, _ := pool.Snapshot()
	for reason, token := range map[string]pkcs11.Token{state.ReasonPINLocked: {PINLocked: true}, state.ReasonPINNotSet: {PINNotSet: true}, state.ReasonPINExpired: {PINExpired: true}} {
		slot := read.Slots[0]
		slot.Token = &token
		c := read.Certificates[0]
		c.Slot = slot
		pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{slot}, Certificates: []pkcs11.Certificate{c}})
		r := s.FullReport(t.Context())
		if got := r.Certificates[0]; got.Usable || got.Reason != reason || !got.Chosen {
			t.Errorf("%s: %+v", reason, got)
		}
		for _, lang := range []string{language.French, language.English} {
			if text := r.Text(lang); !strings.Contains(text, state.ReasonText(reason, lang)+") ← ") || state.ReasonText(reason, lang) == "" {
				t.Errorf("%s: %s", reason, text)
			}
		}
	}
}

// TestReportDuringALogin: nothing is read for a report while a login runs, and
// copied after it.
func TestReportDuringALogin(t *testing.T) {
	pool, person := fakes.OneCard(t)
	typed := make(chan struct{})
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { <-typed; return []byte("1234"), nil }
	s := serve(t, setup{pool: pool, person: person})
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	p.progress(protocol.AskingPIN)
	before := pool.Reads()
	if r := s.Report(t.Context(), true); pool.Reads() != before || !r.Outdated {
		t.Errorf("%d readings during a login, said to be outdated: %v", pool.Reads()-before, r.Outdated)
	}
	close(typed)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	await(t, s, s.Changes(t.Context()), "over", func(s state.State) bool { return !s.InUse })
	before = pool.Reads()
	if r := s.Report(t.Context(), true); pool.Reads() != before+1 || r.Outdated {
		t.Errorf("%d readings after a login, said to be outdated: %v", pool.Reads()-before, r.Outdated)
	}
}
