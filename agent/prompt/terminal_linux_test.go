package prompt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// terminalHelper names a pinentry program, and makes the test program ask once with
// it on its terminal.
const terminalHelper = "CPX_TEST_TERMINAL"

const findProgram = "find"

func askOnTerminal() int {
	ctx := context.Background()
	if limit := os.Getenv("CPX_TEST_LIMIT"); limit != "" {
		d, err := time.ParseDuration(limit)
		if err != nil {
			return 2
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	program := os.Getenv(terminalHelper)
	if program == findProgram {
		program = ""
	}
	pin, err := NewPinentry(PinentryOptions{Program: program}).PIN(ctx, "fr", PIN{Caller: site, Holder: gp})
	state, errState := unix.IoctlGetTermios(0, unix.TCGETS)
	if errState != nil {
		return 2
	}
	fmt.Printf("\nresult %s timeout=%t cancelled=%t echo=%t err=%v end\n", pin, errors.Is(err, ErrTimeout), errors.Is(err, ErrCancelled),
		state.Lflag&unix.ECHO != 0 && state.Lflag&unix.ICANON != 0, err)
	return 0
}

// onTerminal asks once on a terminal of its own.
func onTerminal(t *testing.T, program string, env ...string) *testdesktop.Terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "LANG=C.UTF-8", terminalHelper + "=" + program}, env...)
	r := testdesktop.OnTerminal(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return r
}

func TestTerminal(t *testing.T) {
	for _, name := range []string{"pinentry-tty", "pinentry-curses"} {
		program := need.Program(t, name)
		t.Run(name+"/typed", func(t *testing.T) {
			r := onTerminal(t, program)
			shown := r.Until("Code porteur")
			for _, want := range []string{site.Origin, "810000000005", "DÉMONSTRATION", "Identification demandée"} {
				if !strings.Contains(shown, want) {
					t.Errorf("no %q on %q", want, shown)
				}
			}
			r.Type("4321\r")
			if got := r.Until(" end"); !strings.Contains(got, "result 4321 ") || !strings.Contains(got, "echo=true") {
				t.Errorf("%q", got)
			}
		})
		t.Run(name+"/time is up", func(t *testing.T) {
			r := onTerminal(t, program, "CPX_TEST_LIMIT=700ms")
			r.Until("Code porteur")
			if got := r.Until(" end"); !strings.Contains(got, "timeout=true") || !strings.Contains(got, "echo=true") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestTerminalFound: without a display but with a terminal, a program is found.
func TestTerminalFound(t *testing.T) {
	need.Program(t, "pinentry-tty")
	r := onTerminal(t, findProgram)
	r.Until("Code porteur")
	r.Type("4321\r")
	if got := r.Until(" end"); !strings.Contains(got, "result 4321 ") {
		t.Errorf("%q", got)
	}
}
