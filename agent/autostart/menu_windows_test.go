package autostart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShortcut: the person's shortcut in the Start menu starts the program without a console,
// names one that is missing, gives way to the machine's, and is taken back.
func TestShortcut(t *testing.T) {
	inMenu := func(what string, want State) {
		t.Helper()
		if got, err := Menu(); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", what, got, err, want)
		}
	}
	if s, err := Menu(); err != nil || s.Where != "" {
		t.Fatalf("this Windows is in use: %+v %v", s, err)
	}
	dir, err := os.MkdirTemp("", "a é’ menu") // not the test's own, which wine 8 cannot remove
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, console := filepath.Join(dir, "cpx-agentw.exe"), filepath.Join(dir, "cpx-agent.exe")
	for _, path := range []string{program, console} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, err := shortcutIn(menuFolders.person)
	if err != nil {
		t.Fatal(err)
	}
	if err := AddToMenu(console, nil); err != nil {
		t.Fatal(err)
	}
	inMenu("added", State{Enabled: true, Where: own, Program: program, Supervised: true})
	if l, err := readLink(own); err != nil || l.arguments != "run --supervise --show" {
		t.Errorf("%+v %v", l, err)
	}
	if err := AddToMenu(filepath.Join(dir, "gone.exe"), nil); err != nil {
		t.Fatal(err)
	}
	inMenu("missing", State{Where: own, Missing: filepath.Join(dir, "gone.exe"), Program: filepath.Join(dir, "gone.exe"), Supervised: true})
	for range 2 {
		if err := RemoveFromMenu(nil); err != nil {
			t.Error(err)
		}
		inMenu("removed", State{})
	}
	if err := AddToMenu(program, nil); err != nil {
		t.Fatal(err)
	}
	everyones, err := shortcutIn(menuFolders.machine)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(everyones), 0o700), os.Rename(own, everyones)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(everyones) })
	if err := AddToMenu(console, nil); err != nil {
		t.Fatal(err)
	}
	inMenu("the machine's", State{Enabled: true, Where: everyones, Program: program, Supervised: true, Machine: true})
	if _, err := os.Stat(own); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("two stand there: %v", err)
	}
	if err := RemoveFromMenu(nil); !errors.Is(err, ErrMachine) {
		t.Errorf("%v, want %v", err, ErrMachine)
	}
	if text := HowToStart("fr", console); !strings.HasPrefix(text, "Pour démarrer CPx Bridge : menu Démarrer › CPx Bridge.\n") {
		t.Errorf("%q", text)
	}
}
