package e2e

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/journald"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// eventsWorld is a workstation whose policy asks for security events, with a real journald.
type eventsWorld struct {
	t       *testing.T
	stack   *stack.Stack
	station *virtual.Station
	journal *journald.Journal
	policy  string // without what a test adds
	holder  demopki.Holder
	all     []journald.Entry
}

func newEventsWorld(t *testing.T, o stack.Options) *eventsWorld {
	t.Helper()
	w := &eventsWorld{t: t, journal: journald.New(t), holder: demopki.NewHolder("CPS", 7)}
	o.Bin, o.AgentOnly = w.journal.Bin(bin), true
	w.stack, w.station = virtualStack(t, o, virtual.CardOptions{Holder: w.holder}, virtual.StationOptions{})
	w.policy = readFile(t, w.stack.Path("agent.toml"))
	w.person("")
	return w
}

// person makes the person's own settings.
func (w *eventsWorld) person(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.stack.Path("agent.toml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

const asksForEvents = "\n[log]\nevents = true\n"

// comes waits for an event with these fields, and returns it; what comes before it counts too.
func (w *eventsWorld) comes(event string, fields ...string) journald.Entry {
	w.t.Helper()
	all := w.journal.Until(event)
	w.all = append(w.all, all...)
	e := all[len(all)-1]
	for _, f := range fields {
		if name, value, _ := strings.Cut(f, "="); e[name] != value {
			w.t.Errorf("%s has %s=%q, want %q", event, name, e[name], value)
		}
	}
	return e
}

// nobody fails where anything that was sent names the person, the card, a site, or a place.
func (w *eventsWorld) nobody(more ...string) {
	w.t.Helper()
	private := append(more, w.holder.Surname, w.holder.GivenName, w.holder.Identifier, "example.fr", "localhost", "https", w.stack.Dir(), "tmp", "65534", ".so", "autopin")
	if u, err := user.Current(); err == nil {
		private = append(private, u.Username, u.HomeDir)
	}
	for _, e := range w.all {
		for name, value := range e {
			if strings.HasPrefix(name, "_") { // journald says these of the process
				continue
			}
			for _, what := range private {
				if what != "" && strings.Contains(strings.ToLower(value), strings.ToLower(what)) {
					w.t.Errorf("%q is in %s=%s", what, name, value)
				}
			}
		}
	}
	for _, e := range w.all {
		known := false
		for _, k := range events.Kinds {
			known = known || e["CPX_EVENT"] == k.Name && e["MESSAGE_ID"] == k.MessageID && e["_TRANSPORT"] == "journal"
		}
		if !known || e["MESSAGE"] == "" || e["PRIORITY"] == "" {
			w.t.Errorf("no event of the table: %v", e)
		}
	}
}

// TestSecurityEvents: each thing that an administrator of security wants to know is in the
// system's journal, by its number, and nothing of it names anybody.
func TestSecurityEvents(t *testing.T) {
	w := newEventsWorld(t, stack.Options{AutoPIN: script("1234")})
	w.journal.Start()
	w.journal.Policy(w.policy + asksForEvents)
	w.person("modules = [\"/home/martin/x.so\"]\n")
	start(t, w.stack)
	w.comes("events_on", "PRIORITY=6", "CPX_EVENT_ID=10")
	w.comes("setting_not_taken", "CPX_SETTING=modules", "CPX_LINE=1", "PRIORITY=4")

	// A page of a site that is not allowed, and another user's process.
	if _, _, err := dial(w.stack, "https://mutuelle.example.fr"); err == nil {
		t.Error("a site that is not allowed got a socket")
	}
	w.comes("page_refused", "CPX_REASON=origin_not_listed", "CPX_EVENT_ID=100")
	host, port, _ := strings.Cut(w.stack.AgentAddress(), ":")
	if got := knockAs(t, otherUser, host, port); strings.TrimSpace(got) != "got:" {
		t.Errorf("another user got %q", got)
	}
	w.comes("connection_refused", "CPX_REASON=peer_other_user", "CPX_EVENT_ID=102")

	// A card whose PIN is locked.
	w.station.Card().PIN().SetTriesLeft(0)
	a := open(t, w.stack).call("authenticate", map[string]any{"challengeNonce": nonce(t)})
	if a.Error == nil || a.Error.Data.Reason != "pin_locked" {
		t.Fatalf("%+v", a.Error)
	}
	w.comes("pin_locked", "CPX_REASON=pin_locked", "CPX_CODE=1201", "CPX_REFERENCE="+a.Error.Data.Reference)
	if n := w.station.Card().PIN().Tries(); n != 0 {
		t.Errorf("%d tries that nobody made", n)
	}

	// A policy that becomes bad, and good again.
	w.journal.Policy(w.policy + asksForEvents + "level = \"Martin\"\n")
	w.comes("settings_refused", "CPX_SETTING=log.level", fmt.Sprint("CPX_LINE=", strings.Count(w.policy+asksForEvents, "\n")+1), "PRIORITY=3")
	w.journal.Policy(w.policy + asksForEvents)
	w.comes("settings_good", "PRIORITY=6")

	// A module that others may change.
	module := filepath.Join(w.stack.Dir(), "module.so")
	if err := os.WriteFile(module, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(module, 0o666); err != nil {
		t.Fatal(err)
	}
	w.journal.Policy(strings.Replace(w.policy, openSC, module, 1) + asksForEvents)
	w.comes("program_untrusted", "PRIORITY=4")
	w.journal.Policy(w.policy + asksForEvents)
	await(t, w.stack, `msg="modules of the new settings" modules=[`+openSC)

	// Switched off while it runs, nothing is sent, and then it is again.
	w.journal.Policy(w.policy + "\n[log]\nevents = false\n")
	w.comes("events_off", "PRIORITY=4")
	if _, _, err := dial(w.stack, "https://banque.example.fr"); err == nil {
		t.Error("a site that is not allowed got a socket")
	}
	await(t, w.stack, "banque.example.fr")
	w.journal.Policy(w.policy + asksForEvents)
	if anew := w.journal.Until("events_on"); len(anew) != 1 {
		t.Errorf("sent while it was switched off: %v", anew)
	}
	w.nobody("martin", "mutuelle", "banque", a.Error.Message)
}

// refused dials from n sites that are not allowed.
func (w *eventsWorld) refused(n int) {
	w.t.Helper()
	for i := range n {
		if _, _, err := dial(w.stack, fmt.Sprintf("https://f%d.mutuelle.example.fr", i)); err == nil {
			w.t.Error("a site that is not allowed got a socket")
		}
	}
}

// logsIn logs in as the portal's page.
func (w *eventsWorld) logsIn() {
	w.t.Helper()
	if a := open(w.t, w.stack).call("authenticate", map[string]any{"challengeNonce": nonce(w.t)}); a.Error != nil {
		w.t.Errorf("the login: %+v", a.Error)
	}
}

// found are doctor's findings by their code.
func (w *eventsWorld) found() map[string]doctor.Finding {
	w.t.Helper()
	return said(w.t, w.stack)
}

// TestSecurityEventsHoldNobodyUp: people log in, pages are refused, and the agent ends, while
// the system has no journald, one that stands still, or one that has crashed; once one takes
// events again, those that waited come.
func TestSecurityEventsHoldNobodyUp(t *testing.T) {
	w := newEventsWorld(t, stack.Options{AutoPIN: script("1234")})
	w.journal.Policy(w.policy + asksForEvents)
	agent := startAgent(t, w.stack, "--no-tray")
	w.refused(1)
	w.logsIn()
	await(t, w.stack, "security events do not reach the system's log")
	if f := w.found(); f["events_nowhere"].Outcome != doctor.Notice || f["events_nowhere"].Next == "" || f["events_sent"].Code != "" {
		t.Errorf("without journald doctor finds %v", f)
	}
	w.journal.Start()
	w.comes("events_on")
	w.comes("page_refused")
	await(t, w.stack, "security events reach the system's log again")
	if f := w.found(); f["events_sent"].Outcome != doctor.Good || f["events_nowhere"].Code != "" {
		t.Errorf("with journald doctor finds %v", f)
	}

	w.journal.Pause()
	w.refused(20) // more than a journald that stands still takes
	w.logsIn()
	w.journal.Resume()
	for range 20 {
		w.comes("page_refused")
	}

	w.journal.Stop()
	host, port, _ := strings.Cut(w.stack.AgentAddress(), ":")
	knockAs(t, otherUser, host, port)
	w.logsIn()
	w.journal.Start()
	w.comes("connection_refused")
	w.nobody("mutuelle")

	w.journal.Pause()
	w.refused(20)
	if err := agent.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-agent.Done():
	case <-time.After(testdesktop.Patience):
		t.Error("the agent waits for journald")
	}
}

// TestSecurityEventOfARefusedStart: a start that refuses its settings is an event, whoever's
// they are and whatever is wrong; also where others may write the policy. Where the policy
// asks for none it is none.
func TestSecurityEventOfARefusedStart(t *testing.T) {
	w := newEventsWorld(t, stack.Options{AutoPIN: script("1234")})
	w.journal.Start()
	starts := func() {
		t.Helper()
		cmd := w.stack.Command(t.Context(), "cpx-agent", "run", "--no-tray", "--config", w.stack.Path("agent.toml"))
		if out, err := cmd.CombinedOutput(); !isExit(err, 2) {
			t.Errorf("it ends with %v\n%s", err, out)
		}
	}
	w.journal.Policy(w.policy + asksForEvents)
	w.person("[ports]\nfirst = \"Martin\"\n")
	starts()
	w.comes("settings_refused", "CPX_SETTING=ports.first", "CPX_LINE=2", "PRIORITY=3")
	w.person("")
	for _, bad := range [][2]string{{"level = \n", ""}, {"martin = 1\n", ""}, {"level = \"Martin\"\n", "log.level"}} { // of the first, no TOML, what stands before it is known
		w.journal.Policy(w.policy + asksForEvents + bad[0])
		starts()
		w.comes("settings_refused", "CPX_SETTING="+bad[1], "CPX_LINE=16")
	}
	w.journal.Policy(w.policy + asksForEvents)
	if err := os.Chmod(w.journal.PolicyFile(), 0o666); err != nil {
		t.Fatal(err)
	}
	starts()
	w.comes("settings_refused", "CPX_SETTING=")
	w.journal.Policy(w.policy + "\n[log]\nlevel = \"Martin\"\n")
	starts()
	w.journal.Policy(w.policy + asksForEvents + "level = \"Dupont\"\n")
	starts()
	if all := w.journal.Until("settings_refused"); len(all) != 1 {
		t.Errorf("a policy that asks for no events had some: %v", all)
	}
	w.nobody("martin", "dupont")
}

// TestSecurityEventOfAPause: sites that wear a person down are told of, not named.
func TestSecurityEventOfAPause(t *testing.T) {
	w := newEventsWorld(t, stack.Options{Others: true, AutoPIN: map[string]any{"pin": []string{"1234"}, "confirm": []string{"notok"}}})
	w.journal.Start()
	w.journal.Policy(w.policy + asksForEvents)
	start(t, w.stack)
	for i := range 3 {
		p := openAs(t, w.stack, fmt.Sprintf("https://banque%d.example", i))
		if a := p.call("authenticate", map[string]any{"challengeNonce": nonce(t)}); a.Error == nil || a.Error.Data.Reason != "consent_denied" {
			t.Errorf("%+v", a.Error)
		}
	}
	w.comes("sites_paused", "CPX_SECONDS=300", "CPX_EVENT_ID=301")
	w.nobody("banque")
}
