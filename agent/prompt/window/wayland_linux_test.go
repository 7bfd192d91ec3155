package window

import (
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// waylandTitle is the title of our windows there.
const waylandTitle = "CPx Bridge"

// wayland starts a Wayland desktop of the test's own, without any X, and a reader on it,
// who sees how far a window has come.
func wayland(t *testing.T) (*testdesktop.Wayland, *testdesktop.Reader) {
	t.Helper()
	w := testdesktop.NewWayland(t)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", w.Display)
	t.Setenv("GDK_BACKEND", "wayland")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	bus := testdesktop.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	r := testdesktop.NewReader(t, bus)
	testdesktop.ScreenReader(t, bus)
	return w, r
}

// waylandReady waits until our window is in front and accepts keys and clicks.
func waylandReady(w *testdesktop.Wayland, r *testdesktop.Reader) testdesktop.WaylandWindow {
	w.T.Helper()
	r.Reports(waylandTitle, func(id string) bool { return strings.HasPrefix(id, "cpx-ready") })
	return w.InFront(waylandTitle)
}

// waylandQuiet waits until the window's quiet time has started again that often, and
// returns how often it has.
func waylandQuiet(r *testdesktop.Reader, least int) (count int) {
	r.T.Helper()
	r.Reports(waylandTitle, func(id string) (enough bool) {
		number, quiet := strings.CutPrefix(id, "cpx-quiet-")
		var err error
		count, err = strconv.Atoi(number)
		return quiet && err == nil && count >= least
	})
	return count
}

// TestWayland: without any X a window is one of Wayland's, by the name of the agent's
// desktop entry, works by keyboard and mouse, and Enter alone allows nothing.
func TestWayland(t *testing.T) {
	w, r := wayland(t)
	lastRow, first := image.Pt(250, -90), image.Pt(250, 190)
	use, cancel := image.Pt(-60, -35), image.Pt(-160, -35)
	for _, c := range []struct {
		kind, lang, keys string
		clicks           []image.Point
		times            int
		want             ask.Answer
	}{
		{"consent", "fr", "Return", nil, 0, cancelled},
		{"consent", "en", "Escape", nil, 0, cancelled},
		{"consent", "fr", "Tab Return", nil, 0, yes},
		{"consent", "fr", "alt+a", nil, 0, yes},
		{"consent", "fr", "shift+Tab space", nil, 0, never},
		{"consent", "fr", "", []image.Point{use}, 1, yes},
		{"confirm", "en", "Return", nil, 0, cancelled},
		{"always", "fr", "Return", nil, 0, cancelled},
		{"choose", "fr", "Down Return", nil, 0, ask.Answer{Row: 1}},
		{"choose", "en", "End Tab Tab space", nil, 0, ask.Answer{Row: 2}},
		{"choose", "fr", "", []image.Point{lastRow, use}, 1, ask.Answer{Row: 2}},
		{"choose", "fr", "", []image.Point{first}, 2, yes},
		{"choose", "fr", "", []image.Point{lastRow, cancel}, 1, cancelled},
		{"pin", "fr", "1 2 4 3 Return", nil, 0, ask.Answer{PIN: "1243"}},
		{"pin", "en", "ctrl+v 1 KP_2 KP_9 BackSpace 4 3 KP_Enter", nil, 0, ask.Answer{PIN: "1243"}},
		{"pin", "fr", "1 2 4 3 Escape", nil, 0, cancelled},
		{"pin", "fr", "1 2 4 3", []image.Point{use}, 1, ask.Answer{PIN: "1243"}},
		{"insert", "fr", "Return", nil, 0, cancelled},
		{"pad", "en", "alt+c", nil, 0, cancelled},
		{"notice", "fr", "Tab space Tab space", nil, 0, yes},
	} {
		t.Run(strings.TrimSpace(c.kind+" "+c.lang+" "+c.keys), func(t *testing.T) {
			w.T, r.T = t, t
			a := begin(t.Context(), dialogs(), question(c.kind, c.lang))
			window := waylandReady(w, r)
			if window.App != "cpx-bridge" { // the file name of the desktop entry, for name and icon
				t.Errorf("a window of %q", window.App)
			}
			if env := environment(t, window.PID); strings.Contains(env, "\x00DISPLAY=:") {
				t.Errorf("it may be one of X: %q", env)
			}
			if len(c.keys) > 0 {
				w.Key(strings.Fields(c.keys)...)
			}
			for _, at := range c.clicks {
				at = at.Add(window.Frame.Min)
				if at.X < window.Frame.Min.X {
					at.X += window.Frame.Dx()
				}
				if at.Y < window.Frame.Min.Y {
					at.Y += window.Frame.Dy()
				}
				w.Click(at, c.times)
			}
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			w.Gone(waylandTitle)
		})
	}
}

func environment(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	return "\x00" + string(text)
}

// TestWaylandTypedTooEarly: keys and clicks that were meant for another window answer
// nothing on Wayland either, a PIN and its Enter too, and go to no other client.
func TestWaylandTypedTooEarly(t *testing.T) {
	pin := yesOrNo(hour)
	pin.Rows, pin.Entry = nil, &dialog.Entry{Least: 4, Most: 8}
	for name, request := range map[string]dialog.Request{"question": yesOrNo(hour), "PIN": pin} {
		t.Run(name, func(t *testing.T) { typedTooEarly(t, request) })
	}
}

func typedTooEarly(t *testing.T, request dialog.Request) {
	w, r := wayland(t)
	running(t, &testdesktop.Output{}, need.Program(t, "weston-eventdemo"), "--title=other")
	w.InFront("other")
	in, out, cmd := play(t, request)
	window := w.InFront(waylandTitle)
	before := waylandQuiet(r, 0)
	keys := []string{"1", "2", "3", "4", "Return", "space", "alt+y", "Escape", "alt+n", "Tab"}
	w.Key(keys...)
	before = waylandQuiet(r, before+len(keys))
	w.Click(window.Frame.Max.Sub(image.Pt(60, 35)), 3)
	waylandQuiet(r, before+3)
	if got := w.Keys(waylandTitle); got < len(keys) {
		t.Errorf("the window got %d keys", got)
	}
	if got := w.Keys("other"); got != 0 {
		t.Errorf("the window behind got %d keys", got)
	}
	w.InFront(waylandTitle)
	if err := in.Close(); err != nil { // as when the agent ends it
		t.Fatal(err)
	}
	if text, err := io.ReadAll(out); err != nil || len(text) > 0 {
		t.Errorf("it answered %q, %v", text, err)
	}
	_ = cmd.Wait()
	w.Gone(waylandTitle)
	w.Key("x")
	w.Await("the window behind gets keys again", func() bool { return w.Keys("other") == 1 })
}

// TestWaylandLogin: from consent to PIN it is one window, which never loses the keyboard and
// does not wait a second time; after the PIN no four digits of it are in the memory of its
// process, which still stands.
func TestWaylandLogin(t *testing.T) {
	w, r := wayland(t)
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	consent := begin(ctx, login, question("consent", "fr"))
	first := waylandReady(w, r)
	w.Key("alt+a")
	if got := testdesktop.Await(t, consent.answer); got != yes {
		t.Errorf("%+v", got)
	}
	pin := begin(ctx, login, question("pin", "fr"))
	r.Reports(waylandTitle, func(id string) bool { return id == "cpx-ready-3" })
	if now := w.InFront(waylandTitle); now.PID != first.PID || w.Lost(waylandTitle) > 0 {
		t.Errorf("%+v, then %+v, which lost the keyboard %d times", first, now, w.Lost(waylandTitle))
	}
	w.Key("7", "braceright", "3", "KP_9", "bar", "5", "asciicircum") // digits alone stand in some drawing of an icon
	w.Key("Return")
	if got := testdesktop.Await(t, pin.answer); got != (ask.Answer{PIN: "7}39|5^"}) {
		t.Errorf("%+v", got)
	}
	r.Reports(waylandTitle, func(id string) bool { return strings.HasPrefix(id, "cpx-busy") })
	if os.Geteuid() != 0 {
		return // the process is closed to all but root
	}
	found, err := pry.Traces(first.PID, "7}39|5^", pry.AsKeys)
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range found {
		t.Error(trace)
	}
}

// TestWaylandKeyboardComesBack: a window that lost the keyboard, which Wayland takes from
// it for any window that opens, accepts nothing until another quiet time has passed.
func TestWaylandKeyboardComesBack(t *testing.T) {
	w, r := wayland(t)
	in, out, cmd := play(t, yesOrNo(50))
	waylandReady(w, r)
	other := exec.Command(need.Program(t, "weston-eventdemo"), "--title=other")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	w.InFront("other")
	lost := waylandQuiet(r, 0)
	w.Key("alt+y")
	w.Await("the other window gets the keys", func() bool { return w.Keys("other") == 2 })
	waylandQuiet(r, lost)
	_ = other.Process.Kill()
	_ = other.Wait()
	waylandReady(w, r)
	w.Key("alt+y")
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"ok","row":0}`)
}

// TestBackend: where a person has X beside Wayland, as on most desktops, our window is one
// of Wayland's, whose keys other programs cannot read; who sets GDK_BACKEND has what it
// says, and where that is nowhere an error at once.
func TestBackend(t *testing.T) {
	w, _ := wayland(t)
	s := testdesktop.NewScreen(t)
	for _, c := range []struct{ display, wayland, backend, where string }{
		{s.Display, w.Display, "", "wayland"},
		{s.Display, w.Display, "x11", "x"},
		{s.Display, w.Display, "wayland", "wayland"},
		{s.Display, w.Display, "x11,wayland", "x"},
		{s.Display, "", "", "x"},
		{s.Display, w.Display + "-gone", "", "x"},
		{"", w.Display, "", "wayland"},
		{":65000", w.Display, "", "wayland"},
		{"", w.Display, "x11", ""},
		{s.Display, "", "wayland", ""},
		{"", w.Display + "-gone", "", ""},
	} {
		t.Run(fmt.Sprintf("DISPLAY=%t WAYLAND_DISPLAY=%t GDK_BACKEND=%s", c.display != "", c.wayland != "", c.backend), func(t *testing.T) {
			w.T, s.T = t, t
			t.Setenv("DISPLAY", c.display)
			t.Setenv("WAYLAND_DISPLAY", c.wayland)
			if t.Setenv("GDK_BACKEND", c.backend); c.backend == "" {
				_ = os.Unsetenv("GDK_BACKEND") // empty, it would name no backend
			}
			onlyPinentry(t, "weston-debug") // which finds the windows; no pinentry to ask in its stead
			a := begin(t.Context(), dialogs(), question("consent", "fr"))
			switch c.where {
			case "wayland":
				w.InFront(waylandTitle)
				a.cancel()
			case "x":
				s.Find(dialogTitle)
				a.cancel()
			default:
				if got := testdesktop.Await(t, a.answer); got.Error != "unavailable" {
					t.Errorf("%+v", got)
				}
				return
			}
			if got := testdesktop.Await(t, a.answer); got.Error != "ended" {
				t.Errorf("%+v", got)
			}
			s.Gone(dialogTitle)
			w.Gone(waylandTitle)
		})
	}
}

// TestWaylandEnded: each window closes with its context, and the error says how.
func TestWaylandEnded(t *testing.T) {
	w, r := wayland(t)
	for _, kind := range []string{"consent", "choose", "insert"} {
		t.Run(kind, func(t *testing.T) {
			w.T, r.T = t, t
			endsWithContext(t, kind, func() { w.InFront(waylandTitle) }, func() { w.Gone(waylandTitle) })
		})
	}
}
