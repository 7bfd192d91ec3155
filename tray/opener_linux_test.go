package tray

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// hangingOpener is a desktop whose xdg-open, alone in PATH, neither ends nor fails until gate
// is written to; it then makes the file gate.over. log is there to be opened.
func hangingOpener(t *testing.T) (host *testdesktop.TrayHost, log, gate string) {
	t.Helper()
	_, address := desktop(t)
	host = testdesktop.NewTrayHost(t, address)
	bin := t.TempDir()
	log, gate = filepath.Join(t.TempDir(), "agent.log"), filepath.Join(bin, "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nread x <'" + gate + "'\n: >'" + gate + ".over'\n"
	for path, text := range map[string]string{log: "", filepath.Join(bin, "xdg-open"): script} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	return host, log, gate
}

// atGate returns the writing end once the opener reads.
func atGate(t *testing.T, gate string) *os.File {
	t.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		if f, err := os.OpenFile(gate, os.O_WRONLY, 0); err == nil {
			opened <- f
		}
	}()
	return testdesktop.Await(t, opened)
}

// TestLogOpenerHangs: where the desktop's program neither ends nor opens, the person is told
// where the log is, and the program, which may be the editor's parent, is not ended.
func TestLogOpenerHangs(t *testing.T) {
	host, log, gate := hangingOpener(t)
	d := newFakeAgent()
	r := run(t, d, Options{LogFile: log, openLimit: time.Millisecond})
	host.Icon().Click("Journal")
	d.expect(t, "log")
	logged(t, r, errNoEnd.Error())
	opener := atGate(t, gate)
	defer opener.Close()
	if _, err := opener.WriteString("go on\n"); err != nil {
		t.Fatal(err)
	}
	if err := testdesktop.AwaitFile(t.Context(), gate+".over", func(string) bool { return true }); err != nil {
		t.Errorf("the program was ended: %v", err)
	}
}

// TestLogOpenedBesideHanging: a later click opens the log while an earlier one's program hangs.
func TestLogOpenedBesideHanging(t *testing.T) {
	host, log, gate := hangingOpener(t)
	run(t, newFakeAgent(), Options{LogFile: log, openLimit: time.Hour})
	m := host.Icon()
	m.Click("Journal")
	first := atGate(t, gate)
	defer first.Close() // and the first ends
	bin := filepath.Dir(gate)
	opened := filepath.Join(bin, "opened")
	if err := os.WriteFile(filepath.Join(bin, "other"), []byte("#!/bin/sh\n: >'"+opened+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(bin, "other"), filepath.Join(bin, "xdg-open")); err != nil {
		t.Fatal(err)
	}
	m.Click("Journal")
	if err := testdesktop.AwaitFile(t.Context(), opened, func(string) bool { return true }); err != nil {
		t.Error(err)
	}
}
