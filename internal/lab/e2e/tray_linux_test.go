package e2e

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// workplace is a desktop whose panel is the test.
type workplace struct {
	x    *testdesktop.XServer
	host *testdesktop.TrayHost
	env  map[string]string
}

func newWorkplace(t testing.TB) *workplace { t.Helper(); return workplaceOn(t, testdesktop.Bus(t)) }

func workplaceOn(t testing.TB, address string) *workplace {
	t.Helper()
	x := testdesktop.NewXServer(t)
	return &workplace{x: x, host: testdesktop.NewTrayHost(t, address), env: map[string]string{
		"DISPLAY": x.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": address, "NO_AT_BRIDGE": "1",
		"HOME": t.TempDir(), "LC_ALL": "fr_FR.UTF-8",
	}}
}

// holderOf is the name in the certificate of a token.
func holderOf(t *testing.T, a answer) string {
	t.Helper()
	if a.Error != nil {
		t.Fatalf("%+v", a.Error)
	}
	var token struct{ UnverifiedCertificate string }
	if err := json.Unmarshal(a.Result, &token); err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(token.UnverifiedCertificate)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cps.Parse(c, cps.DemoRules()).DisplayName()
}

func asks(t *testing.T) map[string]any { return map[string]any{"challengeNonce": nonce(t)} }

// certificatesIn are the menu's entries that choose a certificate.
func certificatesIn(m *testdesktop.TrayIcon) (list []testdesktop.TrayEntry) {
	for _, e := range m.Entries() {
		if strings.Contains(e.Label, "jusqu’au") && e.Enabled {
			list = append(list, e)
		}
	}
	return list
}

// TestTrayChoice: a click in the menu decides which certificate is used by the
// login that is asking for one, and by later logins.
func TestTrayChoice(t *testing.T) {
	w := newWorkplace(t)
	s := prepare(t, stack.Options{Cards: []string{"cps", "cpf", "expired"}, AgentOnly: true, Extra: w.env,
		AutoPIN: map[string]any{"pin": []string{"1234"}, "confirm": []string{"hang"}}})
	agent := startAgent(t, s)
	m := w.host.Icon()
	m.Await("two certificates to choose from", func() bool { return len(certificatesIn(m)) == 2 && m.Has("Plusieurs certificats") })
	expired := slices.ContainsFunc(m.Entries(), func(e testdesktop.TrayEntry) bool { return strings.HasSuffix(e.Label, " · expiré") && !e.Enabled })
	if !expired {
		t.Errorf("no expired certificate, disabled, in %q", m.Labels())
	}
	p := open(t, s)
	names := func(label string) string { name, _, _ := strings.Cut(label, " · "); return name }
	second := names(certificatesIn(m)[1].Label)
	p.at = map[string]func(){"choosing-certificate": func() {
		m.Await("in use", func() bool { return m.Has("Identification en cours") })
		m.Click(second)
	}}
	if got := holderOf(t, p.call("authenticate", asks(t))); got != second {
		t.Errorf("the login that was asking used the card of %q, want %q", got, second)
	}
	p.at = nil
	m.Await("the choice is marked", func() bool {
		list := certificatesIn(m)
		return len(list) == 2 && !list[0].Checked && list[1].Checked && m.Has("Carte prête : "+second)
	})
	first := names(certificatesIn(m)[0].Label)
	m.Click(first)
	m.Await("the other one is marked", func() bool { return m.Has("Carte prête : " + first) })
	if got := holderOf(t, p.call("authenticate", asks(t))); got != first {
		t.Errorf("the next login used the card of %q, want %q", got, first)
	}

	w.quits(t, m, "Quitter CPx Bridge", agent)
}

// quits has the person quit in the menu, and close what they read then: how to come back.
func (w *workplace) quits(t *testing.T, m *testdesktop.TrayIcon, entry string, agent *stack.Process) {
	t.Helper()
	m.Click(entry)
	s := w.x.Screen(t)
	window := s.Ready("^" + state.Name + "$")
	s.Do("windowfocus", "--sync", window, "key", "Escape")
	select {
	case <-agent.Done():
		if err := agent.Wait(); err != nil {
			t.Error(err)
		}
	case <-time.After(testdesktop.Patience):
		t.Fatal("the agent does not end")
	}
}

// TestTrayFollowsTheCard: the menu follows a virtual CPS3 under OpenSC that is
// inserted and removed; a login that waits for the card goes on.
func TestTrayFollowsTheCard(t *testing.T) {
	w := newWorkplace(t)
	s, d := virtualStack(t, stack.Options{AgentOnly: true, Extra: w.env, AutoPIN: map[string]any{"pin": []string{"0000", "cancel"}}},
		virtual.CardOptions{}, virtual.StationOptions{})
	d.Remove()
	startAgent(t, s)
	m := w.host.Icon()
	shows := func(label string) {
		t.Helper()
		m.Await(label, func() bool { return m.Has(label) })
	}
	shows("Aucune carte")
	p := open(t, s)
	p.at = map[string]func(){"waiting-for-card": func() {
		shows("Identification en cours")
		d.Insert()
	}}
	if a := p.call("authenticate", asks(t)); a.Error == nil || a.Error.Data.Reason != "pin_incorrect" {
		t.Fatalf("%+v", a)
	}
	shows("Carte prête : ")
	shows("⚠ Un code porteur faux")
	if list := certificatesIn(m); len(list) != 1 || !list[0].Checked || !strings.Contains(list[0].Label, demopki.NewHolder("CPS", 1).Surname) {
		t.Errorf("%+v", list)
	}
	d.Card().PIN().SetTriesLeft(1)
	d.Remove()
	shows("Aucune carte")
	d.Insert()
	shows("⚠ Dernier essai")
	d.Remove()
	shows("Aucune carte")
	d.Card().PIN().SetTriesLeft(0)
	d.Insert()
	shows("⚠ Le code porteur est bloqué")
	d.Unplug()
	shows("Aucun lecteur")
	if err := d.Plug(); err != nil {
		t.Fatal(err)
	}
	shows("⚠ Le code porteur est bloqué")
	if n := d.Card().PIN().Tries(); n != 1 {
		t.Errorf("%d tries, want the one made", n)
	}
}

// TestTrayLanguage: a click changes the language of the menu at once, of dialogs
// for pages that name none, and of the command line, and is remembered.
func TestTrayLanguage(t *testing.T) {
	w := newWorkplace(t)
	s := prepare(t, stack.Options{AgentOnly: true, Extra: w.env, AutoPIN: script("1234")})
	first := startAgent(t, s)
	m := w.host.Icon()
	m.Await("French", func() bool { return m.Has("Quitter CPx Bridge") && m.Has("Carte prête") })
	m.Click("Langue", "English")
	m.Await("English", func() bool { return m.Has("Quit CPx Bridge") && m.Has("Card ready") && !m.Has("Quitter CPx Bridge") })
	holderOf(t, open(t, s).call("authenticate", asks(t)))
	if text := dialogs(t, s); !strings.Contains(text, "Login asked for") || strings.Contains(text, "Identification") {
		t.Errorf("the dialog of a page that names no language: %s", text)
	}
	certs := func() string {
		cmd := s.Command(t.Context(), "cpx-agent", "certs", "--config", s.Path("agent.toml"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if text := certs(); !strings.Contains(text, "Certificates:") {
		t.Errorf("the command line: %s", text)
	}
	w.quits(t, m, "Quit CPx Bridge", first)
	second := startAgent(t, s)
	m = w.host.Icon()
	m.Await("English still", func() bool { return m.Has("Quit CPx Bridge") })
	w.quits(t, m, "Quit CPx Bridge", second)

	if err := os.WriteFile(s.Path("state/cpx-bridge/language.json"), []byte("{\"lang\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	startAgent(t, s)
	m = w.host.Icon()
	m.Await("the desktop's again", func() bool { return m.Has("Quitter CPx Bridge") })
	log := journalOf(t, s)
	if !strings.Contains(log, "language.json") || !strings.Contains(log, "listening") {
		t.Errorf("the log does not give the reason: %s", log)
	}
}

// journalOf is the log that the tray opens.
func journalOf(t *testing.T, s *stack.Stack) string {
	t.Helper()
	path := s.Path("state/cpx-bridge/agent.log")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTrayForgets: a site that the person always allows is in the menu; a click
// forgets it, and the next login there asks again. The menu shows a locked keyring.
func TestTrayForgets(t *testing.T) {
	keyring := testdesktop.NewKeyring(t, "")
	w := workplaceOn(t, keyring.Bus)
	s := prepare(t, stack.Options{AgentOnly: true, Ask: true, Extra: w.env, AutoPIN: script("1234")})
	startAgent(t, s)
	m := w.host.Icon()
	p := openAs(t, s, askingSite)
	if got := p.logIn(); got != consented {
		t.Errorf("first login: %s", got)
	}
	label := "Oublier " + askingSite + " · autorisé le "
	m.Await("remembered", func() bool { return m.Has("Sites autorisés", label) })
	if got := p.logIn(); got != straight {
		t.Errorf("while it is allowed: %s", got)
	}
	if err := s.Person(map[string]any{"pin": []string{"1234"}, "confirm": []string{"ok", "cancel"}}); err != nil {
		t.Fatal(err) // consent, without "always" this time
	}
	m.Click("Sites autorisés", label)
	m.Await("forgotten", func() bool { return !m.Has("Sites autorisés", "Oublier") })
	if got := p.logIn(); got != consented {
		t.Errorf("after it was forgotten: %s", got)
	}
}

// TestTrayWithoutKeyring: the menu says that nothing can be remembered.
func TestTrayWithoutKeyring(t *testing.T) {
	keyring := testdesktop.NewKeyring(t, "")
	keyring.Lock()
	w := workplaceOn(t, keyring.Bus)
	startAgent(t, prepare(t, stack.Options{AgentOnly: true, Ask: true, Extra: w.env, AutoPIN: script("1234")}))
	m := w.host.Icon()
	m.Await("locked", func() bool {
		e, ok := m.Find("Sites autorisés", "Le trousseau de clés est verrouillé")
		return ok && !e.Enabled
	})
}

// TestTrayDisplayGoes: the X server dies, the agent still answers, and the menu
// comes back with the display.
func TestTrayDisplayGoes(t *testing.T) {
	w := newWorkplace(t)
	s := prepare(t, stack.Options{AgentOnly: true, Extra: w.env, AutoPIN: script("1234")})
	startAgent(t, s)
	w.host.Icon()
	w.x.Kill()
	holderOf(t, open(t, s).call("authenticate", asks(t)))
	w.x.Start()
	m := w.host.Icon()
	m.Await("the menu", func() bool { return m.Has("Carte prête") })
	holderOf(t, open(t, s).call("authenticate", asks(t)))
}

// TestTrayManyCards: after many insertions and removals no process of the agent has
// more open files, and none was restarted. Memory is measured where events are
// faster: in package tray.
func TestTrayManyCards(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may see which files the agent has open: run as root to test that it leaves none open")
	}
	w := newWorkplace(t)
	s, d := virtualStack(t, stack.Options{AgentOnly: true, Extra: w.env, AutoPIN: script("1234")}, virtual.CardOptions{}, virtual.StationOptions{})
	agent := startAgent(t, s)
	m := w.host.Icon()
	swap := func(rounds int) {
		for range rounds {
			d.Remove()
			m.Await("out", func() bool { return m.Has("Aucune carte") })
			d.Insert()
			m.Await("in", func() bool { return m.Has("Carte prête") })
		}
	}
	swap(10)
	before := processes(t, agent.PID())
	swap(50)
	after := processes(t, agent.PID())
	t.Logf("%v, then %v", before, after)
	const fewFiles = 4 // the runtime opens a poller when it first needs it
	for pid, n := range after {
		if was, same := before[pid]; !same || n > was+fewFiles {
			t.Errorf("process %d: %d files, then %d", pid, was, n)
		}
	}
}

// processes are the agent's process and those it started, each with its number of
// open files.
func processes(t *testing.T, agent int) map[int]int {
	t.Helper()
	pids := []int{agent}
	children, err := filepath.Glob("/proc/" + strconv.Itoa(agent) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range children {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	open := map[int]int{}
	for _, pid := range pids {
		files, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		open[pid] = len(files)
	}
	return open
}

// BenchmarkCardToMenu measures the time from the insertion or removal of a card
// that OpenSC reads to the menu that shows it.
func BenchmarkCardToMenu(b *testing.B) {
	w := newWorkplace(b)
	s, d := virtualStack(b, stack.Options{AgentOnly: true, Extra: w.env, AutoPIN: script("1234")}, virtual.CardOptions{}, virtual.StationOptions{})
	startAgent(b, s)
	m := w.host.Icon()
	m.Await("in", func() bool { return m.Has("Carte prête") })
	var out, seen, read []time.Duration
	for range 15 {
		begun := time.Now()
		d.Remove()
		m.Await("out", func() bool { return m.Has("Aucune carte") })
		out = append(out, time.Since(begun))
		begun = time.Now()
		d.Insert()
		m.Await("seen", func() bool { return !m.Has("Aucune carte") })
		seen = append(seen, time.Since(begun))
		m.Await("in", func() bool { return m.Has("Carte prête") })
		read = append(read, time.Since(begun))
	}
	for side, took := range map[string][]time.Duration{"out": out, "seen": seen, "read": read} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, side+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}
