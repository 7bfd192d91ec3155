package testdesktop

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Patience is how long a test waits before it fails.
const Patience = 20 * time.Second

// Display starts an X server and returns its name, for DISPLAY. The name is no low one: a
// server in another network namespace takes the lowest that it sees nobody have there, and
// with it the socket in /tmp.
func Display(t testing.TB) string {
	t.Helper()
	return NewXServer(t).Display
}

// Bus starts a session bus and returns its address.
func Bus(t testing.TB) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	daemon(t, w, "dbus-daemon", "--session", "--nofork", "--print-address=3")
	_ = w.Close()
	return firstLine(t, r)
}

// daemon starts a program with file as its descriptor 3, and lets it clean up at
// the test's end.
func daemon(t testing.TB, file *os.File, name string, args ...string) {
	t.Helper()
	runDaemon(t, file, exec.Command(need.Program(t, name), args...))
}

func firstLine(t testing.TB, r *os.File) string {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// Screen is a display that a person sees and types on.
type Screen struct {
	T       *testing.T
	Display string
	xdotool string
}

// NewScreen starts a display of the test's own.
func NewScreen(t *testing.T) *Screen {
	t.Helper()
	return &Screen{T: t, Display: Display(t), xdotool: need.Program(t, "xdotool")}
}

// NewScreenOf starts one of that size, such as "1366x768".
func NewScreenOf(t *testing.T, size string) *Screen {
	t.Helper()
	return &Screen{T: t, Display: newXServer(t, size).Display, xdotool: need.Program(t, "xdotool")}
}

// Screen is the server's display as a person sees it.
func (x *XServer) Screen(t *testing.T) *Screen {
	t.Helper()
	return &Screen{T: t, Display: x.Display, xdotool: need.Program(t, "xdotool")}
}

// Do runs xdotool and returns what it printed.
func (s *Screen) Do(args ...string) string {
	s.T.Helper()
	out, err := s.Try(args...)
	if err != nil {
		s.T.Fatalf("xdotool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try is Do for a command that may fail.
func (s *Screen) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.T.Context(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.xdotool, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Window waits for a window whose title matches a regular expression, gives it the
// keyboard and returns its number.
func (s *Screen) Window(title string) string {
	s.T.Helper()
	id := s.Find(title)
	s.Do("windowfocus", "--sync", id)
	return id
}

// Picture returns what is visible of a window, or of "root".
func (s *Screen) Picture(window string) image.Image {
	s.T.Helper()
	cmd := exec.Command(need.Program(s.T, "import"), "-window", window, "-silent", "png:-")
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	out, err := cmd.Output()
	if err != nil {
		s.T.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		s.T.Fatal(err)
	}
	return p
}

// Gone waits until there is no window with that title.
func (s *Screen) Gone(title string) {
	s.T.Helper()
	for end := time.Now().Add(Patience); ; {
		if _, err := s.Try("search", "--onlyvisible", "--name", title); err != nil {
			return
		}
		if time.Now().After(end) {
			s.T.Fatalf("a window %q still exists", title)
		}
	}
}

// Terminal is a program on a terminal of its own.
type Terminal struct {
	T      *testing.T
	screen *os.File
	text   bytes.Buffer
}

// OnTerminal starts cmd with a new terminal as its controlling one.
func OnTerminal(t *testing.T, cmd *exec.Cmd) *Terminal {
	t.Helper()
	screen, keyboard := openTerminal(t)
	defer keyboard.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = keyboard, keyboard, keyboard
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &Terminal{T: t, screen: screen}
}

// AtTerminal makes a new terminal the test program's standard input.
func AtTerminal(t *testing.T) {
	t.Helper()
	_, keyboard := openTerminal(t)
	before := os.Stdin
	os.Stdin = keyboard
	t.Cleanup(func() { os.Stdin = before; _ = keyboard.Close() })
}

func openTerminal(t *testing.T) (screen, keyboard *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	screen = os.NewFile(uintptr(fd), "ptmx")
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
	keyboard, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, keyboard
}

// Until reads the screen until it contains text, and returns all of it.
func (r *Terminal) Until(text string) string {
	r.T.Helper()
	if err := r.screen.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		r.T.Fatal(err)
	}
	buf := make([]byte, 4096)
	for !strings.Contains(r.text.String(), text) {
		n, err := r.screen.Read(buf)
		r.text.Write(buf[:n])
		if err != nil {
			r.T.Fatalf("%q never came: %v\n%q", text, err, r.text.String())
		}
	}
	return r.text.String()
}

// Type types keys.
func (r *Terminal) Type(keys string) {
	r.T.Helper()
	if _, err := io.WriteString(r.screen, keys); err != nil {
		r.T.Fatal(err)
	}
}
