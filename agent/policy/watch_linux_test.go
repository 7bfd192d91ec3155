package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// TestWatchPipe: a pipe in the place of a person's file, which gives no answer, keeps no
// policy from being taken, and the agent from its end neither.
func TestWatchPipe(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{Machine: filepath.Join(dir, "etc", "policy.toml"), User: filepath.Join(dir, "home", "config.toml"), Owners: owners.Person}
	w := (&watched{t: t})
	w.write(paths.User, "[origins]\nblock = [\"https://b.fr\"]\n")
	w = watch(t, paths, time.Hour)
	w.write(paths.User, "lang = \"fr\"\n[origins]\nblock = [\"https://b.fr\"]\n")
	w.until("the file, so that it is followed", func(e *Effective) bool { return e.Lang == "fr" })
	// At once: a file that is gone for a moment blocks nothing.
	if err := errors.Join(syscall.Mkfifo(paths.User+".new", 0o600), os.Rename(paths.User+".new", paths.User)); err != nil {
		t.Fatal(err)
	}
	w.untilRefused("config.toml: is no regular file")
	w.write(paths.Machine, "[origins]\nmode = \"listed\"\n")
	if e := w.until("a policy beside a pipe", func(e *Effective) bool { return e.Origins.Mode == ModeListed }); e.Decide("https://b.fr") != Blocked {
		t.Error("what the person blocked is open meanwhile")
	}
	w.write(paths.User, "lang = \"en\"\n")
	w.until("a file in its place", func(e *Effective) bool { return e.Lang == "en" })
	w.untilRefused("")
}

// TestWatchSilent: a person's file that gives no answer, as on a network that is away, is
// waited for no longer than it may take, and read when it answers.
func TestWatchSilent(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	silent := make(chan userRead, 1)
	w := &Watch{Paths: Paths{User: pipe}, Now: mustLoad(t, "", "lang = \"en\"\n"), Patience: 10 * time.Millisecond, pending: silent}
	_, user, err := w.reread(t.Context(), true)
	if err == nil || user != w.Now.user {
		t.Errorf("%+v, %v", user, err)
	}
	silent <- userRead{}
	if _, _, err := w.reread(t.Context(), true); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("what was read long ago is taken: %v", err)
	}
}

// TestConfigFromPipe: settings that came through a pipe stay as they are.
func TestConfigFromPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte("lang = \"en\"\n"), 0o600) }()
	paths := Paths{User: pipe, UserRequired: true, Machine: filepath.Join(t.TempDir(), "policy.toml"), Owners: owners.Person}
	w := watch(t, paths, time.Hour)
	w.write(paths.Machine, "[origins]\nmode = \"listed\"\n")
	if e := w.until("a policy", func(e *Effective) bool { return e.Origins.Mode == ModeListed }); e.Lang != "en" {
		t.Errorf("%+v", e.Settings)
	}
	if n := len(w.refused); n != 0 {
		t.Errorf("%d refusals", n)
	}
}
