package testdesktop

import (
	"bufio"
	"context"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Manage starts a window manager, which decides which window is in front and has
// the keyboard.
func (s *Screen) Manage() {
	s.T.Helper()
	s.manage()
}

// ManageWithoutFocus starts a window manager that gives no new window the keyboard.
func (s *Screen) ManageWithoutFocus() {
	s.T.Helper()
	config := filepath.Join(s.T.TempDir(), "rc.xml")
	const text = `<openbox_config xmlns="http://openbox.org/3.4/rc"><focus><focusNew>no</focusNew></focus></openbox_config>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		s.T.Fatal(err)
	}
	s.manage("--config-file", config)
}

func (s *Screen) manage(args ...string) {
	s.T.Helper()
	managed := s.watch("-root")
	cmd := exec.Command(need.Program(s.T, "openbox"), append([]string{"--sm-disable"}, args...)...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	if err := cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	managed("_NET_CLIENT_LIST(WINDOW)") // the last property that it sets before it serves
}

// unheard is how long nothing is heard of a property until it is read once more.
const unheard = 250 * time.Millisecond

// watch follows properties of a window, given as arguments of xprop. The function
// returned waits until a property's line contains text. xprop -spy first reads and then
// asks for changes, so that it misses one in between: where nothing is heard, the
// properties are read once more.
func (s *Screen) watch(args ...string) func(text string) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), Patience)
	cmd := s.xprop(ctx, append([]string{"-spy"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.T.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	heard := make(chan string)
	go func() {
		defer close(heard)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case heard <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	end := func() {
		cancel()
		for range heard { // Wait closes what it is read from
		}
		_ = cmd.Wait()
	}
	s.T.Cleanup(end)
	return func(text string) {
		s.T.Helper()
		defer end()
		var last string
		for going := true; going; {
			select {
			case line, more := <-heard:
				if going = more; more {
					last = line
				}
			case <-time.After(unheard):
				if now, err := s.xprop(ctx, args...).Output(); err == nil {
					last = strings.TrimSpace(string(now))
				}
			}
			if strings.Contains(last, text) {
				return
			}
		}
		s.T.Fatalf("xprop %v: no %q, the last is %q", args, text, last)
	}
}

// xprop is xprop on the screen.
func (s *Screen) xprop(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, need.Program(s.T, "xprop"), args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	return cmd
}

// Ready waits for a window of ours with that title that accepts keys and clicks,
// and returns its number. It does not change which window has the keyboard.
func (s *Screen) Ready(title string) string {
	s.T.Helper()
	id := s.Find(title)
	s.Role(id, "cpx-ready")
	return id
}

// Role waits until a window's role is role, by which our windows report how far
// they have come.
func (s *Screen) Role(window, role string) {
	s.T.Helper()
	s.watch("-id", window, "WM_WINDOW_ROLE")(role)
}

// RoleOf returns a window's role, "" where the window has gone.
func (s *Screen) RoleOf(window string) string {
	s.T.Helper()
	out, err := s.xprop(s.T.Context(), "-id", window, "-notype", "WM_WINDOW_ROLE").Output()
	if err != nil {
		return "" // the window has gone
	}
	_, role, _ := strings.Cut(strings.TrimSpace(string(out)), `"`)
	return strings.TrimSuffix(role, `"`)
}

// Find waits for a window with that title, without giving it the keyboard, and
// returns its number. It repeats because xdotool fails where a window closes while
// it is examined.
func (s *Screen) Find(title string) string {
	s.T.Helper()
	var id string
	var err error
	for end := time.Now().Add(Patience); ; {
		if id, err = s.Try("search", "--onlyvisible", "--limit", "1", "--name", title); err == nil && id != "" {
			return id
		}
		if time.Now().After(end) {
			all, _ := s.Try("search", "--name", ".", "getwindowname", "%@")
			s.T.Fatalf("no window %q: %v\n%s\nbut these:\n%s", title, err, id, all)
		}
	}
}

// Frame returns where a window is on the screen, in pixels.
func (s *Screen) Frame(window string) image.Rectangle {
	s.T.Helper()
	var corner, size image.Point
	for line := range strings.Lines(s.Do("getwindowgeometry", "--shell", window)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "X":
			corner.X = number
		case "Y":
			corner.Y = number
		case "WIDTH":
			size.X = number
		case "HEIGHT":
			size.Y = number
		}
	}
	return image.Rectangle{corner, corner.Add(size)}
}

// Size returns a window's size, in pixels.
func (s *Screen) Size(window string) (width, height int) {
	s.T.Helper()
	size := s.Frame(window).Size()
	return size.X, size.Y
}

// InFront waits until the window manager has put a window in front of all others
// and given it the keyboard.
func (s *Screen) InFront(window string) {
	s.T.Helper()
	for end := time.Now().Add(Patience); ; {
		active, _ := s.Try("getactivewindow")
		focus, _ := s.Try("getwindowfocus")
		if active == window && focus == window && s.Top() == window {
			return
		}
		if time.Now().After(end) {
			s.T.Fatalf("window %s is not in front: active is %s, the keyboard is at %s, on top is %s", window, active, focus, s.Top())
		}
	}
}

// Top returns the window that no other covers.
func (s *Screen) Top() string {
	s.T.Helper()
	cmd := exec.Command(need.Program(s.T, "xprop"), "-root", "-notype", "_NET_CLIENT_LIST_STACKING")
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display)
	out, err := cmd.Output()
	if err != nil {
		s.T.Fatal(err)
	}
	last := out[strings.LastIndexAny(string(out), " #")+1:]
	return decimal(strings.TrimSpace(string(last)))
}

// decimal converts a window's number to the form that xdotool uses.
func decimal(hex string) string {
	number, err := strconv.ParseUint(hex, 0, 64)
	if err != nil {
		return hex
	}
	return strconv.FormatUint(number, 10)
}

// Other waits for a window with that title of another process than the one given.
func (s *Screen) Other(title string, than int) string {
	s.T.Helper()
	for end := time.Now().Add(Patience); ; {
		found, err := s.Try("search", "--onlyvisible", "--name", title)
		if err != nil {
			found = "" // no window, or a message about one that has just gone
		}
		for _, id := range strings.Fields(found) {
			if pid, err := s.Try("getwindowpid", id); err == nil && pid != strconv.Itoa(than) {
				return id
			}
		}
		if time.Now().After(end) {
			s.T.Fatalf("no other window %q", title)
		}
	}
}

// Front waits until a window with that title is in front with the keyboard.
func (s *Screen) Front(title string) {
	s.T.Helper()
	like := regexp.MustCompile(title)
	s.Await("in front: "+title, func() bool {
		name, err := s.Try("getactivewindow", "getwindowname")
		if err != nil || !like.MatchString(name) {
			return false
		}
		name, err = s.Try("getwindowfocus", "getwindowname")
		return err == nil && like.MatchString(name)
	})
}

// Titled waits until a window has that title.
func (s *Screen) Titled(window, title string) {
	s.T.Helper()
	s.Await("the title "+title, func() bool {
		name, err := s.Try("getwindowname", window)
		return err == nil && name == title
	})
}

// Await polls until so returns true.
func (s *Screen) Await(what string, so func() bool) {
	s.T.Helper()
	for end := time.Now().Add(Patience); !so(); {
		if time.Now().After(end) {
			s.T.Fatalf("never: %s", what)
		}
	}
}
