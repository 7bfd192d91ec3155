package testdesktop

import (
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Wayland is a Wayland desktop that a person sees and types on: weston, Debian's reference
// compositor. Its screen is a window on an X server without a monitor, because weston's
// own backend without one has no seat: what xdotool types there arrives as from devices,
// and goes to the client that has the keyboard as wl_keyboard events. Positions on the two
// screens are the same.
//
// What windows there are is read from the compositor (its debugging protocol), and who got
// which keys from its log of the protocol: a client of X, or none, would be in neither.
type Wayland struct {
	T       *testing.T
	Display string // for WAYLAND_DISPLAY, an absolute path
	below   *Screen
	log     Output
	runtime string
}

// WaylandSize is the size of a Wayland desktop's screen.
var WaylandSize = image.Pt(900, 600)

// green is all over the screen, as in no window of ours.
const green = 0xff00ff00

// NewWayland starts a Wayland desktop of the test's own.
func NewWayland(t *testing.T) *Wayland {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpx-wayland-") // a socket's path is at most 107 bytes long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	settings := filepath.Join(dir, "weston.ini")
	if err := os.WriteFile(settings, WestonSettings(green), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &Wayland{T: t, Display: filepath.Join(dir, "wayland"), below: NewScreen(t), runtime: dir}
	cmd := exec.Command(need.Program(t, "weston"), "--backend=x11-backend.so", "--use-pixman", "--config="+settings,
		"--width="+strconv.Itoa(WaylandSize.X), "--height="+strconv.Itoa(WaylandSize.Y),
		"--socket="+filepath.Base(w.Display), "--debug", "--logger-scopes=log,proto")
	cmd.Env = append(os.Environ(), "DISPLAY="+w.below.Display, "XDG_RUNTIME_DIR="+dir, "WAYLAND_DISPLAY=")
	cmd.Stdout, cmd.Stderr = &w.log, &w.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	w.Await("the desktop is drawn", func() bool { return strings.Contains(w.log.String(), ".desktop_ready()") })
	// The compositor follows the pointer's way, not its place: a corner is the same on both.
	w.below.Do("mousemove", strconv.Itoa(WaylandSize.X-1), strconv.Itoa(WaylandSize.Y-1), "mousemove", "0", "0")
	return w
}

// WaylandWindow is a window on a Wayland desktop.
type WaylandWindow struct {
	PID        int
	Title, App string
	Frame      image.Rectangle // where it is, without its shadow
}

var (
	viewLine   = regexp.MustCompile(`role xdg_toplevel, PID (\d+), .*top-level window '(.*)' of (.*), 0x`)
	opaqueLine = regexp.MustCompile(`\[opaque: \((-?\d+), (-?\d+)\) -> \((-?\d+), (-?\d+)\)\]`)
)

// Windows returns the windows as the compositor stacks them, the one in front first.
func (w *Wayland) Windows() (list []WaylandWindow) {
	w.T.Helper()
	cmd := exec.Command(need.Program(w.T, "weston-debug"), "scene-graph")
	cmd.Env = append(os.Environ(), "WAYLAND_DISPLAY="+w.Display)
	out, err := cmd.Output()
	if err != nil {
		w.T.Fatalf("%v\n%s", err, w.lastLog())
	}
	inView := false
	for line := range strings.Lines(string(out)) {
		if view := viewLine.FindStringSubmatch(line); view != nil {
			pid, _ := strconv.Atoi(view[1])
			list = append(list, WaylandWindow{PID: pid, Title: view[2], App: view[3]})
			inView = true
		} else if opaque := opaqueLine.FindStringSubmatch(line); inView && opaque != nil {
			var n [4]int
			for i := range n {
				n[i], _ = strconv.Atoi(opaque[i+1])
			}
			list[len(list)-1].Frame = image.Rect(n[0], n[1], n[2], n[3])
			inView = false
		}
	}
	return list
}

// Find waits for a window with that title.
func (w *Wayland) Find(title string) (found WaylandWindow) {
	w.T.Helper()
	w.Await("a window "+title, func() bool {
		for _, found = range w.Windows() {
			if found.Title == title {
				return true
			}
		}
		return false
	})
	return found
}

// Gone waits until there is no window with that title.
func (w *Wayland) Gone(title string) {
	w.T.Helper()
	w.Await("no window "+title, func() bool {
		for _, window := range w.Windows() {
			if window.Title == title {
				return false
			}
		}
		return true
	})
}

// InFront waits until the window with that title is in front of all others and has the
// keyboard, and returns it.
func (w *Wayland) InFront(title string) (front WaylandWindow) {
	w.T.Helper()
	w.Await(title+" is in front, with the keyboard", func() bool {
		all := w.Windows()
		if len(all) == 0 || all[0].Title != title {
			return false
		}
		front = all[0]
		return w.HasKeyboard(title)
	})
	return front
}

// events returns what the log has of the client that last gave a window that title, since
// then.
func (w *Wayland) events(title string) (lines []string) {
	client := ""
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, `.set_title("`+title+`")`) {
			_, rest, _ := strings.Cut(line, "] client ")
			client, _, _ = strings.Cut(rest, " ")
			lines = nil
		}
		if client != "" && strings.Contains(line, "client "+client+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// HasKeyboard reports whether the compositor last gave the keyboard to the window.
func (w *Wayland) HasKeyboard(title string) (has bool) {
	for _, line := range w.events(title) {
		switch {
		case strings.Contains(line, " ev wl_keyboard@") && strings.Contains(line, ".enter("):
			has = true
		case strings.Contains(line, " ev wl_keyboard@") && strings.Contains(line, ".leave("):
			has = false
		}
	}
	return has
}

// Lost counts how often the compositor took the keyboard from the window.
func (w *Wayland) Lost(title string) (count int) {
	for _, line := range w.events(title) {
		if strings.Contains(line, " ev wl_keyboard@") && strings.Contains(line, ".leave(") {
			count++
		}
	}
	return count
}

// Keys counts the key presses that the compositor gave to the window.
func (w *Wayland) Keys(title string) (count int) {
	for _, line := range w.events(title) {
		if strings.Contains(line, " ev wl_keyboard@") && strings.Contains(line, ".key(") && strings.HasSuffix(strings.TrimSpace(line), ", 1)") {
			count++
		}
	}
	return count
}

// Key types keys, with the names that xdotool has for them, in whatever window has the
// keyboard.
func (w *Wayland) Key(keys ...string) {
	w.T.Helper()
	w.below.Do(append([]string{"key", "--clearmodifiers"}, keys...)...)
}

// Click clicks on a point of the screen.
func (w *Wayland) Click(at image.Point, times int) {
	w.T.Helper()
	w.below.Do("mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", "--repeat", strconv.Itoa(times), "--delay", "40", "1")
}

// Picture returns the screen as it is now.
func (w *Wayland) Picture() image.Image {
	w.T.Helper()
	return w.below.Picture("root")
}

// Await polls until so returns true.
func (w *Wayland) Await(what string, so func() bool) {
	w.T.Helper()
	for end := time.Now().Add(Patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.T.Fatalf("never: %s\nthe windows are %+v\n%s", what, w.Windows(), w.lastLog())
		}
	}
}

// lastLog is the end of the log, for a failure's message.
func (w *Wayland) lastLog() string {
	all := strings.Split(w.log.String(), "\n")
	return strings.Join(all[max(0, len(all)-100):], "\n")
}
