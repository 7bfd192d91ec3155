package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// verified has systemd read a unit as the person's own manager would, with the program put in
// the place of the one that stands in it, and returns what it found.
func verified(t *testing.T, unit string) string {
	t.Helper()
	runtime := t.TempDir()
	cmd := exec.Command(need.Program(t, "systemd-analyze"), "--user", "--man=no", "--recursive-errors=no", "verify", unit)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

// TestUnit: systemd finds nothing wrong with the unit, which runs what the entry runs; a unit
// with a slip is found, so that the finding means something.
func TestUnit(t *testing.T) {
	const packaged = "../../packaging/linux/systemd/user/cpx-agent.service"
	text, err := os.ReadFile(packaged)
	do(t, err)
	run := "ExecStart=/usr/bin/cpx-agent " + strings.Join(AtLogin, " ") + "\n"
	for _, line := range []string{run, "Restart=on-failure\n", "StartLimitIntervalSec=600\n", "StartLimitBurst=5\n", "PartOf=graphical-session.target\n"} {
		if !strings.Contains(string(text), "\n"+line) {
			t.Errorf("it has no %q", line)
		}
	}
	here := strings.Replace(string(text), "/usr/bin/cpx-agent", "/bin/true", 1) // which systemd looks for
	for slip, want := range map[string]string{"": "", "RestartSec=1": "RestartSec=soon"} {
		unit := filepath.Join(t.TempDir(), "cpx-agent.service")
		do(t, os.WriteFile(unit, []byte(strings.Replace(here, slip, want, min(len(slip), 1))), 0o600))
		if found := verified(t, unit); (found != "") != (slip != "") {
			t.Errorf("with %q: %q", want, found)
		}
	}
}

// TestGeneratedUnit: where the desktop leaves autostart entries to systemd, as KDE and GNOME do,
// its generator makes a unit of ours that is without fault, starts the program at that path, and
// is no second supervisor. (A path with the sign $ it does not get right, in systemd 252.)
func TestGeneratedUnit(t *testing.T) {
	generator := need.File(t, "/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator")
	personal, _ := home(t)
	folder := filepath.Join(t.TempDir(), "a b é’ (c)")
	do(t, os.Mkdir(folder, 0o700))
	program := filepath.Join(folder, "cpx-agent")
	do(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700))
	do(t, Enable(program))
	out := t.TempDir()
	cmd := exec.Command(generator, out, out, out)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "HOME="+filepath.Dir(filepath.Dir(personal)))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	units, err := filepath.Glob(filepath.Join(out, "app-*.service"))
	if err != nil || len(units) != 1 {
		t.Fatalf("%v %v", units, err)
	}
	text, err := os.ReadFile(units[0])
	do(t, err)
	for _, part := range []string{"SourcePath=" + personal, "--supervise", "--quiet", "Restart=no", "PartOf=graphical-session.target"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if found := verified(t, units[0]); found != "" {
		t.Error(found)
	}
}
