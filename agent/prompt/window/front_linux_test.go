package window

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// running starts a program with a window and ends it with the test.
func running(t *testing.T, out *testdesktop.Output, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestInFront: each dialog opens in front of the window in use, and no key for the
// dialog goes to that window, which prints its keys.
func TestInFront(t *testing.T) {
	s := screen(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", testdesktop.Bus(t)) // for GNOME's dialog, which is a service
	s.Manage()
	var keys testdesktop.Output
	running(t, &keys, need.Program(t, "xev"), "-event", "keyboard")
	other := s.Window("^Event Tester$")
	for _, c := range []struct {
		kind, pinentry string
		keys           []string
		want           ask.Answer
	}{
		{"consent", "", []string{"Tab", "Return"}, yes},
		{"choose", "", []string{"Down", "Return"}, ask.Answer{Row: 1}},
		{"insert", "", []string{"Escape"}, cancelled},
		{"notice", "", []string{"Escape"}, yes},
		{"pin", "", []string{"1", "2", "3", "4", "Return"}, ask.Answer{PIN: "1234"}},
		{"pin", "pinentry-gtk-2", []string{"1", "2", "3", "4", "Return"}, ask.Answer{PIN: "1234"}},
		{"pin", "pinentry-qt", []string{"1", "2", "3", "4", "Return"}, ask.Answer{PIN: "1234"}},
		{"pin", "pinentry-gnome3", []string{"1", "2", "3", "4", "Return"}, ask.Answer{PIN: "1234"}},
	} {
		t.Run(c.kind+" "+c.pinentry, func(t *testing.T) {
			s.T = t
			s.Do("windowactivate", "--sync", other)
			s.InFront(other)
			asker := dialogs()
			if c.pinentry != "" {
				asker = through(t, c.pinentry)
			}
			a := begin(t.Context(), asker, question(c.kind, "fr"))
			if c.pinentry == "" {
				s.InFront(s.Ready(dialogTitle))
			} else {
				s.Front(dialogTitle)
			}
			s.Do(append([]string{"key"}, c.keys...)...)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
	s.T = t
	s.InFront(other)
	if strings.Contains(keys.String(), "KeyPress") {
		t.Errorf("the window behind got keys:\n%s", keys.String())
	}
	s.Do("key", "x")
	s.Await("the window behind gets keys again", func() bool { return strings.Contains(keys.String(), "keysym 0x78, x") })
}

// TestStays: a dialog stays above the window that the person goes back to, and on
// every desktop.
func TestStays(t *testing.T) {
	s := screen(t)
	s.Manage()
	running(t, &testdesktop.Output{}, need.Program(t, "xev"))
	other := s.Window("^Event Tester$")
	a, window := inFront(t.Context(), s, dialogs(), question("consent", "fr"))
	s.Do("windowactivate", "--sync", other)
	s.Await("above the window in use", func() bool { return s.Top() == window })
	s.Do("set_desktop", "1")
	s.Await("the other window stays on its desktop", func() bool {
		_, err := s.Try("search", "--onlyvisible", "--name", "^Event Tester$")
		return err != nil
	})
	if seen := s.Window(dialogTitle); seen != window {
		t.Errorf("window %s in place of %s", seen, window)
	}
	a.cancel()
	<-a.answer
}

// onlyPinentry makes a PATH with only one pinentry program and the test's tools.
func onlyPinentry(t *testing.T, name string) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{name, "xdotool", "xprop"} {
		if err := os.Symlink(need.Program(t, tool), filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// through asks the PIN through a pinentry program of the settings.
func through(t *testing.T, name string) prompt.Prompter {
	t.Helper()
	return prompt.New(prompt.Options{Program: need.Program(t, name), Window: Command()})
}

// TestOtherProgramsPIN: after a yes in the login's window, the program of the settings asks
// for the PIN as soon as that window has seen that nobody types, and alone.
func TestOtherProgramsPIN(t *testing.T) {
	s := screen(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", testdesktop.Bus(t))
	s.Manage()
	ctx, login, end := prompt.Begin(t.Context(), through(t, "pinentry-gnome3"))
	defer end()
	ours := consented(ctx, s, login)
	a := begin(ctx, login, question("pin", "fr"))
	s.Await("the program's own window alone", func() bool {
		window, err := s.Try("search", "--onlyvisible", "--name", dialogTitle)
		return err == nil && window != "" && !strings.Contains(window, ours)
	})
	s.Front(dialogTitle)
	s.Do("key", "1", "2", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: "1234"}) {
		t.Errorf("got %+v", got)
	}
	s.Gone(dialogTitle)
}

// page shows what is typed in its title, where the test can read it.
const page = `data:text/html,<title>page</title><textarea autofocus oninput="document.title='page '+this.value"></textarea>`

// TestBrowser: the same in front of a real browser in whose page the person types. A
// notice can be copied into the page.
func TestBrowser(t *testing.T) {
	s := screen(t)
	s.Manage()
	onPage := startBrowser(t, s)
	s.Do("type", "abc")
	s.Titled(onPage, "page abc")
	for _, c := range []struct {
		kind string
		keys []string
		want ask.Answer
	}{
		{"consent", []string{"Tab", "Return"}, yes},
		{"choose", []string{"Down", "Down", "Return"}, ask.Answer{Row: 2}},
		{"pin", []string{"4", "3", "2", "1", "Return"}, ask.Answer{PIN: "4321"}},
		{"notice", []string{"Escape"}, yes},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s.T = t
			s.InFront(onPage)
			a, _ := inFront(t.Context(), s, dialogs(), question(c.kind, "fr"))
			s.Do(append([]string{"key"}, c.keys...)...)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
			s.InFront(onPage)
			s.Titled(onPage, "page abc")
		})
	}
	s.T = t
	pasted(t, s, onPage)
}

// pasted copies a notice into the page while the window is open.
func pasted(t *testing.T, s *testdesktop.Screen, onPage string) {
	q := question("notice", "fr")
	q.Text = "Carte : présente"
	a, window := inFront(t.Context(), s, dialogs(), q)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	s.Do("windowactivate", "--sync", onPage)
	s.Do("key", "ctrl+v")
	s.Titled(onPage, "page abc"+q.Text)
	s.Do("windowactivate", "--sync", window)
	s.Do("key", "Escape")
	if got := testdesktop.Await(t, a.answer); got != yes {
		t.Errorf("%+v", got)
	}
}

// startBrowser shows the page in a window of its own and returns the window.
func startBrowser(t *testing.T, s *testdesktop.Screen) string {
	t.Helper()
	program, err := browser.Find()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--user-data-dir=" + t.TempDir(), "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--password-store=basic",
		"--window-size=800,500", "--app=" + page,
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	running(t, &testdesktop.Output{}, program, args...)
	window := s.Window("^page")
	s.InFront(window)
	return window
}
