package e2e

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestRunInterrupted: Ctrl-C ends `make run` as announced and without errors, even
// before all is ready, and so does the end of its terminal; the agent's log has no
// refused connection.
func TestRunInterrupted(t *testing.T) {
	for _, c := range []struct {
		ready  bool
		signal syscall.Signal
	}{{true, syscall.SIGINT}, {false, syscall.SIGINT}, {true, syscall.SIGHUP}} {
		ready := c.ready
		cmd, dir := makeRun(t, "DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as on a terminal: the whole group gets the signal
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		lines := bufio.NewScanner(out)
		for ready && lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C ends everything") {
		}
		for end := time.Now().Add(testdesktop.Patience); !ready; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "build", "run", "card", "ca")); err == nil {
				break // the cards are being made
			}
			if time.Now().After(end) {
				t.Fatal("no card was made")
			}
		}
		if err := syscall.Kill(-cmd.Process.Pid, c.signal); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
		}
		if err := cmd.Wait(); err != nil || errs.Len() > 0 {
			t.Errorf("ready %v, %v: %v, %s", ready, c.signal, err, errs.String())
		}
		if !ready {
			continue
		}
		log, err := os.ReadFile(filepath.Join(dir, "build", "run", "cpx-agent.log"))
		if err != nil || !strings.Contains(string(log), "listening") || strings.Contains(string(log), "connection refused") {
			t.Errorf("%v: %s", err, log)
		}
	}
}
