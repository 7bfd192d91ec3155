package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
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
	w.untilRefused("config.toml: this is a named pipe, not a regular file")
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

// TestConfigFromPipe: settings that came through a pipe that was handed over, as by
// `--config <(…)`, stay as they are.
func TestConfigFromPipe(t *testing.T) {
	path, in := handedPipe(t)
	if _, err := in.WriteString("lang = \"en\"\n"); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	paths := Paths{User: path, UserRequired: true, Machine: filepath.Join(t.TempDir(), "policy.toml"), Owners: owners.Person}
	w := watch(t, paths, time.Hour)
	w.write(paths.Machine, "[origins]\nmode = \"listed\"\n")
	if e := w.until("a policy", func(e *Effective) bool { return e.Origins.Mode == ModeListed }); e.Lang != "en" {
		t.Errorf("%+v", e.Settings)
	}
	if n := len(w.refused); n != 0 {
		t.Errorf("%d refusals", n)
	}
}

// TestHandedPipeSilent: a pipe that was handed over and never gives an answer does not hold
// up the program.
func TestHandedPipeSilent(t *testing.T) {
	path, _ := handedPipe(t)
	if _, err := plainfile.ReadHanded(path, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if text := unread(os.ErrDeadlineExceeded, true)(texts.In("en")); !strings.Contains(text, "gives no answer") {
		t.Error(text)
	}
}

// TestConfigThroughStdin: a link to a pipe that was handed over, as /dev/stdin is one, gives
// settings too, and what is more than settings are is refused, not cut.
func TestConfigThroughStdin(t *testing.T) {
	for text, refusal := range map[string]string{"lang = \"en\"\n": "", strings.Repeat("#", 1<<20) + "\n": "more than 1 MiB"} {
		path, in := handedPipe(t)
		go func() {
			_, _ = in.WriteString(text)
			_ = in.Close()
		}()
		link := filepath.Join(t.TempDir(), "stdin")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Paths{User: link, UserRequired: true, Owners: owners.Person})
		if (err == nil) != (refusal == "") || err != nil && !strings.Contains(Text(err, "en"), refusal) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

// handedPipe is a pipe by the path of its open end, and the end to write to.
func handedPipe(t *testing.T) (path string, in *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = out.Close(), in.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", out.Fd()), in
}

// TestIrregular: a settings file that is none is refused at once, by its path, what it is,
// and what to do, in both languages.
func TestIrregular(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		paths  Paths
		fr, en string
	}{
		"the policy":        {Paths{Machine: pipe, Owners: owners.Person}, pipe + ": c’est un tube nommé, et non un fichier ordinaire : il faut ici", pipe + ": this is a named pipe, not a regular file: put a regular file here, or nothing"},
		"the person's file": {Paths{User: pipe}, pipe + ": c’est un tube nommé, et non un fichier ordinaire : il faut ici", pipe + ": this is a named pipe, not a regular file: put"},
		"named":             {Paths{User: pipe, UserRequired: true}, "ordinaire : indiquez un fichier", "not a regular file: name a regular file"},
		"a folder":          {Paths{User: dir}, "un dossier", "a folder"},
		"a device":          {Paths{User: os.DevNull, UserRequired: true}, "un périphérique", "a device"},
	} {
		_, err := Load(c.paths)
		if bad, is := errors.AsType[*plainfile.KindError](err); !is || !strings.Contains(Text(err, "fr"), c.fr) || !strings.Contains(Text(err, "en"), c.en) {
			t.Errorf("%s: %v, %s, %v", name, bad, Text(err, "fr"), err)
		}
	}
}

// TestDeadLink: a link to settings that are not there is no absence of settings, which would
// allow more than those do.
func TestDeadLink(t *testing.T) {
	dir := t.TempDir()
	link, folder := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "cpx-bridge")
	if err := errors.Join(os.Symlink(filepath.Join(dir, "gone.toml"), link), os.Symlink(filepath.Join(dir, "gone"), folder)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		paths Paths
		want  string
	}{
		"the policy":        {Paths{Machine: link, Owners: owners.Person}, link},
		"its folder":        {Paths{Machine: filepath.Join(folder, "policy.toml"), Owners: owners.Person}, folder},
		"the person's file": {Paths{User: link}, link},
	} {
		_, err := Load(c.paths)
		if err == nil || !strings.Contains(Text(err, "fr"), c.want+": ce lien ne mène nulle part") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(Paths{Machine: filepath.Join(dir, "none", "policy.toml"), Owners: owners.Person}); err != nil {
		t.Error(err)
	}
}
