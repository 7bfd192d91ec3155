package tray

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// desktop gives the test's menu a display and a session bus of its own.
func desktop(t testing.TB) (x *testdesktop.XServer, address string) {
	t.Helper()
	x, address = testdesktop.NewXServer(t), testdesktop.Bus(t)
	for name, value := range map[string]string{
		"DISPLAY": x.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": address, "NO_AT_BRIDGE": "1",
		"HOME": t.TempDir(), "XDG_RUNTIME_DIR": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	return x, address
}

// running is a tray that runs, and how it ended.
type running struct {
	quit chan bool
	end  context.CancelFunc
	log  *testdesktop.Output
}

func run(t testing.TB, a Agent, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{quit: make(chan bool, 1), end: cancel, log: &testdesktop.Output{}}
	o.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.quit <- Run(ctx, a, o)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if rest, err := filepath.Glob(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), folderPrefix+"*")); err != nil || len(rest) > 0 {
			t.Errorf("left behind: %q, %v", rest, err)
		}
		if t.Failed() {
			t.Logf("the tray's log:\n%s", r.log)
		}
	})
	return r
}

func (d *fakeAgent) expect(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-d.did:
		if got != want {
			t.Fatalf("the agent was asked to %q, want %q", got, want)
		}
	case <-time.After(testdesktop.Patience):
		t.Fatalf("the agent was not asked to %q", want)
	}
}

var emptyMenu = []string{
	"Aucune carte : insérez-la dans le lecteur", "Sites autorisés", "Diagnostic", "Journal", "Langue (language)",
	"À propos : CPx Bridge test", "Quitter CPx Bridge",
}

func TestMenuOnARealBus(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	r := run(t, d, Options{LogFile: "/TEST/agent.log"})
	m := host.Icon()
	m.Await("no card", func() bool { return slices.Equal(m.Labels(), emptyMenu) })
	m.Await("an icon", func() bool { return m.File() != "" })
	if name := m.Name(); name != state.Name {
		t.Errorf("the icon is called %q", name)
	}
	empty := m.File()

	d.set(present)
	m.Await("card in", func() bool {
		l := m.Labels()
		return len(l) == len(emptyMenu)+3 && strings.HasPrefix(l[0], "Plusieurs")
	})
	m.Await("another icon", func() bool { return m.File() != empty })
	// Shown last with the reason, greyed: a click does nothing.
	for i, e := range m.Entries()[1:4] {
		expired := i == 2
		if strings.HasPrefix(e.Label, "TEST_expired · ") != expired || strings.HasSuffix(e.Label, " · expiré") != expired || e.Enabled == expired || e.Checked {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	m.Click("TEST_expired")
	m.Click("TEST_two")
	d.expect(t, "use two")
	chosen := func(id string) func() bool {
		return func() bool {
			for _, e := range m.Entries()[1:4] {
				if e.Checked != strings.HasPrefix(e.Label, "TEST_"+id) {
					return false
				}
			}
			return m.Has("Carte prête : TEST_" + id)
		}
	}
	m.Await("the choice is marked", chosen("two"))
	m.Click("TEST_two") // the toolkit toggles the mark by itself
	d.expect(t, "use two")
	m.Await("the mark stays", chosen("two"))

	d.set(absent)
	m.Await("card out", func() bool { return slices.Equal(m.Labels(), emptyMenu) })
	m.Await("the earlier icon", func() bool { return m.File() != "" })

	m.Click("Quitter")
	select {
	case quit := <-r.quit:
		if !quit {
			t.Error("Run does not say that the person quit")
		}
	case <-time.After(testdesktop.Patience):
		t.Fatal("the tray does not end")
	}
}

// TestEntries: every other entry has its effect.
func TestEntries(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	bin, opened := t.TempDir(), filepath.Join(t.TempDir(), "opened")
	script := "#!/bin/sh\nprintf %s \"$1\" >'" + opened + ".part' && mv '" + opened + ".part' '" + opened + "'\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	d := newFakeAgent()
	d.set(func(s *state.State) {
		present(s)
		s.UnknownSitesPaused = time.Date(2026, 1, 1, 14, 5, 0, 0, time.Local)
		s.CardSession, s.Polled, s.Sites, s.Listed = true, true, []state.Site{testSite}, []string{"https://autre.example.fr"}
		s.Never = []state.Domain{{Name: "example.net", Unsaved: true}}
		s.Ignored = []state.Setting{{File: "/home/TEST/config.toml", Line: 3, Key: "pin"}}
	})
	read := make(chan struct{}, 1)
	log := filepath.Join(t.TempDir(), "agent.log")
	run(t, d, Options{LogFile: log, ReadLog: func() { read <- struct{}{} }})
	m := host.Icon()
	for _, c := range []struct {
		path []string
		does string
	}{
		{[]string{"Actualiser"}, "refresh"}, {[]string{"Diagnostic"}, "examine"}, {[]string{"Plusieurs certificats"}, "state"},
		{[]string{"Sites autorisés", "Oublier https://portail.example.fr"}, "forget https://portail.example.fr"},
		{[]string{"Accepter de nouveau les demandes des sites inconnus"}, "resume"}, {[]string{"Verrouiller la carte"}, "lock"},
		{[]string{"Sites refusés", "Ne plus refuser example.net · refusé tant que CPx Bridge fonctionne"}, "forget example.net"},
	} {
		m.Click(c.path...)
		d.expect(t, c.does)
	}
	m.Await("forgotten and locked", func() bool {
		return !m.Has("Sites autorisés", "Oublier") && !m.Has("Verrouiller") && m.Has("Sites autorisés", "https://autre.example.fr · fixé par les réglages")
	})
	if e, ok := m.Find("Réglages non pris en compte", "config.toml, ligne 3 : pin"); !ok || e.Enabled {
		t.Errorf("%+v, %v", e, ok)
	}
	// Of a log that is not there yet, as on a full disk, nothing is opened.
	m.Click("Journal")
	d.expect(t, "log")
	testdesktop.Await(t, read)
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.Click("Journal")
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(opened); err == nil {
			if string(text) != log {
				t.Errorf("opened %q", text)
			}
			break
		} else if time.Now().After(end) {
			t.Fatal("the log was not opened")
		}
	}
	testdesktop.Await(t, read)

	m.Click("Langue", "English")
	d.expect(t, "language en")
	m.Await("English at once", func() bool {
		e, ok := m.Find("Language", "English")
		f, also := m.Find("Language", "Français")
		return ok && also && e.Checked && !f.Checked && m.Has("Quit CPx Bridge") && m.Has("Allowed sites") && !m.Has("Quitter")
	})
	d.set(func(s *state.State) { s.LangFixed = true })
	m.Await("fixed", func() bool {
		e, ok := m.Find("Language: set by the administrator")
		return ok && !e.Enabled && len(e.Entries) == 0
	})
}

// TestClickWhileTheListChanges: a click at the moment when an entry changes to another
// certificate chooses neither, and a later one chooses.
func TestClickWhileTheListChanges(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	only := func(id string) func(*state.State) {
		return func(s *state.State) { s.Card, s.Certificates = "present", []state.Certificate{held(id)} }
	}
	d.set(only("one"))
	run(t, d, Options{})
	m := host.Icon()
	for i := range 30 {
		id, before := fmt.Sprintf("no%d.", i), time.Now()
		d.set(only(id))
		m.Await("the list has changed", func() bool { return m.Has("TEST_" + id) })
		m.Click("TEST_" + id)
		m.Click("Diagnostic")
		got := testdesktop.Await(t, d.did)
		if got == "examine" {
			for { // until it has settled
				m.Click("TEST_" + id)
				select {
				case <-d.did:
					return
				case <-time.After(settled / 10):
				}
				if time.Since(before) > testdesktop.Patience {
					t.Fatal("a click never chooses")
				}
			}
		}
		if time.Since(before) < settled {
			t.Fatalf("the agent was asked to %q", got)
		}
		d.expect(t, "examine") // a machine so slow that the click came late enough
	}
	t.Fatal("this machine never clicked in time")
}

// TestNotices: failures are shown in the menu, and logged with the reason.
func TestNotices(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	t.Setenv("PATH", filepath.Dir(need.Program(t, "Xvfb"))+"/nowhere") // no xdg-open
	d := newFakeAgent()
	d.set(func(s *state.State) { present(s); s.CardSession, s.Sites = true, []state.Site{testSite} })
	d.fails = true
	r := run(t, d, Options{LogFile: "/TEST/agent.log"})
	m := host.Icon()
	for _, c := range []struct {
		path []string
		says string
	}{
		{[]string{"TEST_one"}, "Le choix n’a pas pu être enregistré"},
		{[]string{"Sites autorisés", "Oublier"}, "Le site n’a pas pu être oublié"},
		{[]string{"Verrouiller"}, "La carte n’a pas pu être verrouillée"},
		{[]string{"Langue", "English"}, "The language will not be remembered"},
	} {
		m.Click(c.path...)
		m.Await(c.says, func() bool { e, ok := m.Find(c.says); return ok && !e.Enabled })
	}
	if n := strings.Count(r.log.String(), errTest.Error()); n != 4 {
		t.Errorf("%d reasons in the log, want 4", n)
	}
	d.set(func(s *state.State) { s.SitesFailure = &state.Failure{Detail: errTest.Error()} })
	m.Await("nothing is remembered", func() bool { e, ok := m.Find("Allowed sites", "TEST: refused"); return ok && !e.Enabled })
}

// TestLogInEveryCase: a desktop without xdg-open, and one where it finds no program for a
// log or that program fails, has the person told where the log is.
func TestLogInEveryCase(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	log := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	d := newFakeAgent()
	r := run(t, d, Options{LogFile: log})
	m := host.Icon()
	for _, c := range []struct{ script, why string }{
		{"", "executable file not found"},
		{"#!/bin/sh\nexit 3\n", "exit status 3"}, // xdg-open(1): a required tool could not be found
		{"#!/bin/sh\nexit 4\n", "exit status 4"}, // the action failed
	} {
		if c.script != "" {
			if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(c.script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		m.Click("Journal")
		d.expect(t, "log")
		logged(t, r, c.why)
	}
}

// TestHostComesAndGoes: the panel may start later, end and start again; it has the icon each time.
func TestHostComesAndGoes(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	host.Go()
	d := newFakeAgent()
	r := run(t, d, Options{})
	d.set(present)
	host.Come()
	m := host.Icon()
	m.Await("the state of now", func() bool { return m.Has("TEST_one") })
	host.Go()
	d.set(absent)
	host.Come()
	m = host.Icon()
	m.Await("the present state", func() bool { return m.Has("Aucune carte") && !m.Has("TEST_one") })
	select {
	case <-r.quit:
		t.Error("the tray ended")
	default:
	}
}

// TestDisplayGoes: losing the display ends only the menu's process; the menu returns
// with the display.
func TestDisplayGoes(t *testing.T) {
	x, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	r := run(t, d, Options{})
	host.Icon()
	x.Kill()
	logged(t, r, "no display answers")
	d.set(present)
	x.Start()
	m := host.Icon()
	m.Await("the state of now", func() bool { return m.Has("TEST_one") })
}

func logged(t *testing.T, r *running, text string) {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); !strings.Contains(r.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not in the log", text)
		}
	}
}

// TestNoDisplay: without a display, where GTK ends its process, the agent goes on.
func TestNoDisplay(t *testing.T) {
	for display, says := range map[string]string{"": "no display: running without", ":4242": "no display answers"} {
		t.Setenv("DISPLAY", display)
		t.Setenv("WAYLAND_DISPLAY", "")
		r := run(t, newFakeAgent(), Options{})
		logged(t, r, says)
		r.end()
		if <-r.quit {
			t.Errorf("DISPLAY=%q: quit", display)
		}
	}
}

// TestNoToolkit: where GTK cannot be loaded the agent goes on, and the log names what is missing.
func TestNoToolkit(t *testing.T) {
	desktop(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "libgtk-3.so.0"), []byte("TEST"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LD_LIBRARY_PATH", folder)
	r := run(t, newFakeAgent(), Options{})
	logged(t, r, "GTK 3")
	r.end()
	if <-r.quit || strings.Contains(r.log.String(), "no display answers") {
		t.Errorf("quit, or the display is blamed:\n%s", r.log.String())
	}
}

// TestProcessEndsWithItsAgent: the menu's process ends with the agent, however that
// ends, and removes its files.
func TestProcessEndsWithItsAgent(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	toolkit := &testdesktop.Output{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the toolkit printed:\n%s", toolkit)
		}
	})
	p, err := start(slog.New(slog.NewTextHandler(toolkit, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.show([]byte(`{"Icon":"ready","Line":"TEST"}`)); err != nil {
		t.Fatal(err)
	}
	host.Icon()
	if err := errors.Join(p.out.Close(), p.in.Close()); err != nil { // as the system does for an agent that was killed
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(testdesktop.Patience):
		t.Fatal("the process does not end")
	}
	if _, err := os.Stat(p.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder still exists: %v", err)
	}
	p.end()
}

// TestProcessKilled: a menu's process that was killed is started again.
func TestProcessKilled(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	r := run(t, d, Options{})
	host.Icon()
	pid := child(t)
	if err := pid.Kill(); err != nil {
		t.Fatal(err)
	}
	logged(t, r, "signal: killed")
	m := host.Icon()
	m.Await("the menu again", func() bool {
		return slices.Equal(m.Labels(), slices.DeleteFunc(slices.Clone(emptyMenu), func(l string) bool { return l == "Journal" }))
	})
}
