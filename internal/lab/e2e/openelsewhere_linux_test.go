package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// vendorStack is virtualStack with a module that behaves as the vendor's does.
func vendorStack(t *testing.T, o stack.Options, card virtual.CardOptions) (*stack.Stack, *virtual.Station) {
	t.Helper()
	m, err := faultmodule.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.AgentOnly, o.Extra = true, m.VendorEnv(openSC)
	if o.AutoPIN == nil {
		o.AutoPIN = script(virtual.PIN)
	}
	o.Modules = []string{m.Path}
	return virtualStack(t, o, card, virtual.StationOptions{})
}

// practice is another program, as a process, that has the card open and signs when said.
func practice(t *testing.T, s *stack.Stack) (signs func() string) {
	t.Helper()
	cmd := s.Command(t.Context(), "login", "stay", openSC, virtual.PIN, "02")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	return func() string {
		t.Helper()
		if _, err := in.Write([]byte("\n")); err != nil || !lines.Scan() {
			t.Fatalf("the other program ended: %v", err)
		}
		return lines.Text()
	}
}

// said is what doctor finds, by code, with what it advises.
func said(t *testing.T, s *stack.Stack) map[string]doctor.Finding {
	t.Helper()
	var r doctor.Report
	text := run1(t, s, "doctor", "--json")
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := jsonschema.Check(doctor.Schema(), []byte(text)); err != nil {
		t.Error(err)
	}
	found := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		found[f.Code] = f
	}
	return found
}

// run1 is the output of a command of the agent's program, whatever its status.
func run1(t *testing.T, s *stack.Stack, args ...string) string {
	t.Helper()
	cmd := s.Command(t.Context(), "cpx-agent", append(args, "--config", s.Path("agent.toml"))...)
	out, err := cmd.Output()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(out)
}

// readersBecome asks until the readers are so: the agent reads in its own time.
func readersBecome(t *testing.T, s *stack.Stack, so func([]state.Reader) bool) {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); ; {
		text := run1(t, s, "certs", "--json")
		var c state.Cards
		if err := json.Unmarshal([]byte(text), &c); err == nil && so(c.Readers) {
			return
		}
		if time.Now().After(end) {
			t.Fatal(text)
		}
	}
}

// authenticated is a login, with the reason and the detail of its error.
func (p *page) authenticated() string {
	p.t.Helper()
	a := p.call("authenticate", map[string]any{"challengeNonce": nonce(p.t), "lang": "fr"})
	if a.Error == nil {
		return "ok"
	}
	return strings.TrimSpace(a.Error.Data.Reason + " " + a.Error.Data.Detail)
}

// TestOpenElsewhere: another program's session lives through everything that looks at
// the card, each of which says that it may be in use; a login takes the card back, for
// one try.
func TestOpenElsewhere(t *testing.T) {
	s, d := vendorStack(t, stack.Options{}, virtual.CardOptions{})
	start(t, s)
	p := open(t, s)
	readersBecome(t, s, func(r []state.Reader) bool { return len(r) == 1 && r[0].Card != "" })
	signs := practice(t, s)
	if got := signs(); got != "ok" {
		t.Fatal(got)
	}
	readersBecome(t, s, func(r []state.Reader) bool { return len(r) == 1 && r[0].PIN == state.PINLockedOrInUse })
	found := said(t, s)
	if f := found["pin_locked_or_in_use"]; f.Outcome != doctor.Unknown || f.Next == "" || found["pin_locked"].Code != "" || found["no_usable_certificate"].Code != "" {
		t.Errorf("doctor says %+v", found)
	}
	for _, command := range [][]string{{"certs", "--lang", "fr"}, {"run", "--no-tray"}} { // a second start shows the state
		if text := run1(t, s, command...); !strings.Contains(text, "ou un autre programme utilise la carte") || !strings.Contains(text, "utilisable") {
			t.Errorf("%v: %s", command, text)
		}
	}
	if status := string(p.call("status", nil).Result); !strings.Contains(status, `"card":"present"`) {
		t.Error(status)
	}
	if got := signs(); got != "ok" || !d.Card().PIN().Verified() || d.Card().PIN().Tries() != 1 {
		t.Fatalf("the other program's session: %s, open %v, %d tries", got, d.Card().PIN().Verified(), d.Card().PIN().Tries())
	}
	if got := p.authenticated(); got != "ok" || d.Card().PIN().Tries() != 2 || asked(t, s) != 1 {
		t.Errorf("%s, %d tries, asked %d times", got, d.Card().PIN().Tries(), asked(t, s))
	}
	if d.Card().PIN().Verified() {
		t.Error("the card is open after the login")
	}
}

// TestLockedForGood: a card that is locked is said so by the login, and then by doctor.
func TestLockedForGood(t *testing.T) {
	s, d := vendorStack(t, stack.Options{}, virtual.CardOptions{})
	d.Card().PIN().SetTriesLeft(0)
	start(t, s)
	if got := open(t, s).authenticated(); got != "pin_locked" || asked(t, s) != 0 || d.Card().PIN().Tries() != 0 {
		t.Errorf("%s, asked %d times, %d tries", got, asked(t, s), d.Card().PIN().Tries())
	}
	if found := said(t, s); found["pin_locked"].Outcome != doctor.Problem || found["pin_locked_or_in_use"].Code != "" {
		t.Errorf("%+v", found)
	}
}

// TestForeignCards: what lies in the reader is named, at once and without a dialog,
// although the module says that nothing does; a card of the person's own beside it, also
// one that comes later, logs in.
func TestForeignCards(t *testing.T) {
	for name, c := range map[string]struct {
		card          vcard.Card
		error, doctor string
	}{
		"badge":       {vcard.NewBadge(), "card_unsupported", "card_unknown"},
		"upside down": {vcard.NewMute(), "card_unsupported mute", "card_mute"},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := vendorStack(t, stack.Options{}, virtual.CardOptions{})
			mine := d.Card()
			d.Put(c.card)
			start(t, s)
			p := open(t, s)
			if got := p.authenticated(); got != c.error || dialogs(t, s) != "" {
				t.Errorf("%s, dialogs %q", got, dialogs(t, s))
			}
			if found := said(t, s); found[c.doctor].Outcome != doctor.Problem || found["no_card"].Code != "" {
				t.Errorf("%+v", found)
			}
			second, err := d.Service().Plug("Second Reader (TEST) 01 00", vreader.ReaderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			second.Insert(mine)
			readersBecome(t, s, func(r []state.Reader) bool { return len(r) == 2 && (r[0].Card != "" || r[1].Card != "") })
			if got := p.authenticated(); got != "ok" || mine.PIN().Tries() != 1 {
				t.Errorf("with a card of one's own beside it: %s, %d tries", got, mine.PIN().Tries())
			}
		})
	}
}

// TestContactlessCard: a CPS that is laid on a contactless reader is to be put into one,
// and not to be activated.
func TestContactlessCard(t *testing.T) {
	s, d := vendorStack(t, stack.Options{}, virtual.CardOptions{Contactless: true})
	start(t, s)
	if got := open(t, s).authenticated(); got != "no_certificate key_without_pin" || dialogs(t, s) != "" || d.Card().PIN().Tries() != 0 {
		t.Errorf("%s, dialogs %q", got, dialogs(t, s))
	}
	found := said(t, s)
	if f := found["card_contactless"]; f.Outcome != doctor.Problem || f.Next == "" || found["pin_not_set"].Code+found["no_card"].Code+found["card_unknown"].Code != "" {
		t.Errorf("%+v", found)
	}
	if text := run1(t, s, "certs", "--lang", "fr"); !strings.Contains(text, "insérez-la dans le lecteur") {
		t.Error(text)
	}
}
