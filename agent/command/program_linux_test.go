package command

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSettingsThatHang: what asks only about the program opens no settings that would
// hold it up, and says nothing of a choice that cannot be read.
func TestSettingsThatHang(t *testing.T) {
	w := newStation(t)
	w.Config = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(w.Config, 0o600); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(os.Getenv("XDG_STATE_HOME"), "cpx-bridge")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "language.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"version"}, {"--version"}, {"-version"}, {"help"}, {"--help"}, {"certs", "--help"}, {"completion", "bash"}} {
		out, errs := w.cpxAgent(t, exitGood, args...)
		if errs != "" || out == "" || strings.HasSuffix(args[0], "version") && out != "cpx-agent test\n" {
			t.Errorf("%v: %q %s", args, out, errs)
		}
	}
}
