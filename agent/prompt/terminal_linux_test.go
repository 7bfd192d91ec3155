package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminalHelper makes the test program ask once on its terminal: it names the
// pinentry program.
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

// terminalRun is a test program on a terminal of its own.
type terminalRun struct {
	t      *testing.T
	screen *os.File
	text   bytes.Buffer
}

func onTerminal(t *testing.T, program string, env ...string) *terminalRun {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	screen := os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	keyboard, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "LANG=C.UTF-8", terminalHelper + "=" + program}, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = keyboard, keyboard, keyboard
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_ = keyboard.Close()
	if err := screen.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &terminalRun{t: t, screen: screen}
}

// until reads the screen until text stands there.
func (r *terminalRun) until(text string) string {
	r.t.Helper()
	buf := make([]byte, 4096)
	for !strings.Contains(r.text.String(), text) {
		n, err := r.screen.Read(buf)
		r.text.Write(buf[:n])
		if err != nil {
			r.t.Fatalf("%q never came: %v\n%q", text, err, r.text.String())
		}
	}
	return r.text.String()
}

func (r *terminalRun) enter(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.screen, keys); err != nil {
		r.t.Fatal(err)
	}
}

func TestTerminal(t *testing.T) {
	for name, pkg := range map[string]string{"pinentry-tty": "pinentry-tty", "pinentry-curses": "pinentry-curses"} {
		program := needs(t, name, pkg)
		t.Run(name+"/typed", func(t *testing.T) {
			r := onTerminal(t, program)
			shown := r.until("Code porteur")
			for _, want := range []string{site.Origin, "810000000005", "DÉMONSTRATION", "Identification demandée"} {
				if !strings.Contains(shown, want) {
					t.Errorf("no %q on %q", want, shown)
				}
			}
			r.enter("4321\r")
			if got := r.until(" end"); !strings.Contains(got, "result 4321 ") || !strings.Contains(got, "echo=true") {
				t.Errorf("%q", got)
			}
		})
		t.Run(name+"/time is up", func(t *testing.T) {
			r := onTerminal(t, program, "CPX_TEST_LIMIT=700ms")
			r.until("Code porteur")
			if got := r.until(" end"); !strings.Contains(got, "timeout=true") || !strings.Contains(got, "echo=true") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestTerminalFound: without a display and with a terminal, one is found.
func TestTerminalFound(t *testing.T) {
	needs(t, "pinentry-tty", "pinentry-tty")
	r := onTerminal(t, findProgram)
	r.until("Code porteur")
	r.enter("4321\r")
	if got := r.until(" end"); !strings.Contains(got, "result 4321 ") {
		t.Errorf("%q", got)
	}
}
