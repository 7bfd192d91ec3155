package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// installed puts the program into a folder whose name has what needs quoting, and gives it
// a desktop of its own, with settings in the person's home.
func installed(t *testing.T) (p *workstation.Person, screen *testdesktop.Screen, run func(name string, args ...string) string) {
	t.Helper()
	p, screen = person(t), testdesktop.NewScreen(t)
	program := filepath.Join(t.TempDir(), `a b$c "d"`, "cpx-agent")
	must(t, os.Mkdir(filepath.Dir(program), 0o700))
	must(t, os.Link(os.Args[0], program))
	data, config := t.TempDir(), ""
	for _, setting := range p.Keyring.Env {
		if dir, is := strings.CutPrefix(setting, "XDG_CONFIG_HOME="); is {
			config = filepath.Join(dir, "cpx-bridge", "config.toml")
		}
	}
	settings, err := os.ReadFile(p.Config)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(config), 0o700))
	must(t, os.WriteFile(config, settings, 0o600))
	p.Config = config
	p.Keyring.Env = append(p.Keyring.Env, "DISPLAY="+screen.Display, "XDG_DATA_HOME="+filepath.Join(data, "share"),
		"DBUS_SESSION_BUS_ADDRESS="+p.Keyring.Bus)
	env := p.Command().Env
	t.Cleanup(func() {
		quit := exec.Command(program, "quit")
		quit.Env = env
		_ = quit.Run()
	})
	run = func(name string, args ...string) string {
		t.Helper()
		if name == "" {
			name = program
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = env
		// A file: what the command starts goes on and would hold a pipe.
		out, err := os.CreateTemp(t.TempDir(), "")
		must(t, err)
		defer out.Close()
		cmd.Stdout, cmd.Stderr = out, out
		err = cmd.Run()
		text, _ := os.ReadFile(out.Name())
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, text)
		}
		return string(text)
	}
	return p, screen, run
}

// TestClickOnTheEntry: the entry that the command puts into the applications' menu, clicked as
// a desktop does, starts the agent and shows its window; clicked once more, it shows the window
// of the same agent. The agent is beside a supervisor, and quits.
func TestClickOnTheEntry(t *testing.T) {
	launch, validate := need.Program(t, "gtk-launch"), need.Program(t, "desktop-file-validate")
	p, screen, run := installed(t)
	said := run("", "shortcut", "add")
	lines := strings.Split(strings.TrimSpace(said), "\n") // root reads first whose menu it is
	_, entry, _ := strings.Cut(lines[len(lines)-1], ": ")
	if text := run(validate, entry); text != "" {
		t.Error(text)
	}
	click := func() { t.Helper(); run(launch, "cpx-bridge") }
	click()
	screen.Do("windowfocus", "--sync", screen.Find("^CPx Bridge · State$"))
	if picture := os.Getenv("CPX_TEST_PICTURE"); picture != "" {
		run(need.Program(t, "import"), "-window", "root", picture)
	}
	first := agentOf(p)
	screen.Do("key", "Escape")
	screen.Gone("^CPx Bridge · State$")
	screen.Await("the window once more", func() bool { // not within a second of the first
		click()
		_, err := screen.Try("search", "--onlyvisible", "--name", "^CPx Bridge · State$")
		return err == nil
	})
	if now := agentOf(p); first == 0 || now != first {
		t.Errorf("the second click started another agent: %d, then %d", first, now)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", first))
	must(t, err)
	if args := strings.Split(string(line), "\x00"); args[1] != "supervised-agent" {
		t.Errorf("%q", args)
	}
	workstation.Contains(t, run("", "quit"), "ended")
	run("", "shortcut", "remove")
	if _, err := os.Stat(filepath.Dir(filepath.Dir(entry))); !os.IsNotExist(err) {
		t.Errorf("what was made for the entry stays: %v", err)
	}
}

// TestRefusalIsShown: a person who clicks the entry where the settings are bad reads why in a
// window, once.
func TestRefusalIsShown(t *testing.T) {
	p, screen, run := installed(t)
	run("", "shortcut", "add")
	must(t, os.WriteFile(p.Config, []byte("lang = 3\n"), 0o600))
	run(need.Program(t, "gtk-launch"), "cpx-bridge")
	screen.Do("windowfocus", "--sync", screen.Find("^CPx Bridge$"))
	if picture := os.Getenv("CPX_TEST_PICTURE"); picture != "" {
		run(need.Program(t, "import"), "-window", "root", picture)
	}
	screen.Do("key", "Escape")
	screen.Gone("^CPx Bridge$")
	if agentOf(p) != 0 {
		t.Error("an agent runs")
	}
}

// TestQuitInTheMenu: who quits in the menu gets a window that says how to come back (its text is
// TestFarewell's), while nothing keeps the agent from being started; the settings can take the entry out of the menu,
// and put it back, while the agent runs.
func TestQuitInTheMenu(t *testing.T) {
	const quit, title = "Quitter CPx Bridge", "^CPx Bridge$"
	p, screen, run := installed(t)
	bus := testdesktop.Bus(t)
	p.Keyring.Env = append(p.Keyring.Env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	host := testdesktop.NewTrayHost(t, bus)
	settings, err := os.ReadFile(p.Config)
	must(t, err)
	french := strings.Replace(string(settings), `"en"`, `"fr"`, 1)
	must(t, os.WriteFile(p.Config, []byte("quit = false\n"+french), 0o600))
	for _, inMenu := range []bool{false, true} {
		if inMenu {
			run("", "shortcut", "add")
		}
		s := starts(t, p, p.Command("run", "--supervise", "--quiet"))
		s.await("msg=listening")
		menu := host.Icon()
		if !inMenu {
			menu.Await("a menu without it", func() bool { return menu.Has("Diagnostic") && !menu.Has(quit) })
			must(t, os.WriteFile(p.Config, []byte(french), 0o600))
		}
		menu.Await("the entry", func() bool { return menu.Has(quit) })
		menu.Click(quit)
		screen.Do("windowfocus", "--sync", screen.Find(title))
		if picture := os.Getenv("CPX_TEST_PICTURE"); picture != "" {
			run(need.Program(t, "import"), "-window", "root", fmt.Sprintf("%s-%v.png", picture, inMenu))
		}
		workstation.Contains(t, run("", "quit", "--lang", "en"), "No agent")
		screen.Do("key", "Escape")
		if status, rest := s.exits(); status != 0 || strings.Contains(rest, "crashed") {
			t.Errorf("exit %d: %s", status, rest)
		}
	}
}

// TestQuitInTheMenuForGood: who quits in the menu gets no agent afterwards, neither from another
// supervisor, which pauses after a crash, nor from the agent's own where that is killed while it
// ends or while its last window stands.
func TestQuitInTheMenuForGood(t *testing.T) {
	const quit, title = "Quit CPx Bridge", "^CPx Bridge$"
	p, screen, run := installed(t)
	bus := testdesktop.Bus(t)
	p.Keyring.Env = append(p.Keyring.Env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	host := testdesktop.NewTrayHost(t, bus)
	first := supervises(t, p)
	first.crashes("1s")
	must(t, first.Process.Signal(syscall.SIGSTOP)) // its pause lasts until the person has quit
	second := starts(t, p, p.Command("run", "--supervise", "--quiet"))
	second.await("msg=listening")
	agent := second.agent()
	menu := host.Icon()
	menu.Await("the entry", func() bool { return menu.Has(quit) })
	menu.Click(quit)
	screen.Do("windowfocus", "--sync", screen.Find(title))
	must(t, first.Process.Signal(syscall.SIGCONT))
	if status, rest := first.exits(); status != 0 || strings.Contains(rest, "listening") {
		t.Errorf("the other supervisor: exit %d: %s", status, rest)
	}
	screen.Find(title) // it stands
	must(t, syscall.Kill(agent, syscall.SIGKILL))
	if status, rest := second.exits(); status != 0 || strings.Contains(rest, "crashed") {
		t.Errorf("its own supervisor: exit %d: %s", status, rest)
	}
	third := starts(t, p, p.Command("run", "--supervise", "--quiet"))
	third.await("msg=listening")
	agent = third.agent()
	menu = host.Icon()
	menu.Await("the entry", func() bool { return menu.Has(quit) })
	menu.Click(quit)
	third.await("the person quit")
	must(t, syscall.Kill(agent, syscall.SIGKILL)) // as a module does that crashes when it is closed
	if status, rest := third.exits(); status != 0 || strings.Contains(rest, "crashed") {
		t.Errorf("killed while it ends: exit %d: %s", status, rest)
	}
	workstation.Contains(t, run("", "quit"), "No agent")
}
