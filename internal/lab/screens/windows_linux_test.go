package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"image"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

var windowsFolder = flag.String("windows", "", "where `make screens-windows` has its pictures; \"\": a few are made, and none is retained")

// windowsScreen is a Windows of the test's own, on a screen of its own, with a player.
type windowsScreen struct {
	*desktop
	t      *testing.T
	wine   *winetest.Wine
	folder string
	in     io.WriteCloser
	out    *bufio.Scanner
}

// newWindowsScreen starts it: with 96 dots an inch, or as many as a person has set.
func newWindowsScreen(t *testing.T, size string, dots int) *windowsScreen {
	t.Helper()
	d, err := newDesktop(size, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	w := &windowsScreen{desktop: d, t: t, folder: *windowsFolder}
	if w.folder == "" {
		w.folder = t.TempDir()
	}
	if w.folder, err = filepath.Abs(w.folder); err != nil {
		t.Fatal(err)
	}
	w.wine = winetest.New(t, "DISPLAY="+d.display)
	// A caret that blinks would leave the screen never the same.
	w.set(`HKCU\Control Panel\Desktop`, "/v", "CursorBlinkRate", "/d", "-1", "/f")
	if dots != 96 {
		w.set(`HKCU\Control Panel\Desktop`, "/v", "LogPixels", "/t", "REG_DWORD", "/d", strconv.Itoa(dots), "/f")
		w.set(`HKCC\Software\Fonts`, "/v", "LogPixels", "/t", "REG_DWORD", "/d", strconv.Itoa(dots), "/f")
	}
	return w
}

// set writes a value of the registry. Its output goes nowhere: what wine starts beside the
// first program of a Windows would hold it open.
func (w *windowsScreen) set(key string, args ...string) {
	w.t.Helper()
	if err := w.wine.Command("reg", append([]string{"add", key}, args...)...).Run(); err != nil {
		w.t.Fatalf("reg add %s: %v", key, err)
	}
}

// player starts the player.
func (w *windowsScreen) player() {
	w.t.Helper()
	program := winetest.Build(w.t, ".")
	// With the agent's icon, which it shows in its windows' corners, and the controls of today.
	stamp := exec.Command("go", "run", "../../../packaging/windows/resources", "-version", "dev", program)
	if out, err := stamp.CombinedOutput(); err != nil {
		w.t.Fatalf("resources: %v\n%s", err, out)
	}
	cmd := w.wine.Command(program, playerArgument)
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	w.in, w.out = in, bufio.NewScanner(out)
}

// has the player obey.
func (w *windowsScreen) order(o order) {
	w.t.Helper()
	if err := json.NewEncoder(w.in).Encode(o); err != nil {
		w.t.Fatal(err)
	}
	if !w.out.Scan() {
		w.t.Fatalf("%+v: the player has ended: %v", o, w.out.Err())
	}
	if got := w.out.Text(); got != "done" {
		w.t.Fatalf("%+v: %s", o, got)
	}
}

func (w *windowsScreen) must(picture *image.RGBA, err error) *image.RGBA {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return picture
}

func anything(*image.RGBA) bool { return true }

// shows waits until the screen above the panel differs from before, and makes a picture of
// what differs.
func (w *windowsScreen) shows(before *image.RGBA, name string) *image.RGBA {
	w.t.Helper()
	now := w.must(w.settled(func(now *image.RGBA) bool { return !bounds(now, before, work(now)).Empty() }))
	frame := bounds(now, before, now.Rect)
	if frame.Min.X < 1 || frame.Min.Y < 1 {
		w.t.Errorf("%s: %v is not whole on a screen of %v", name, frame, now.Rect)
	}
	if err := save(cut(now, frame.Inset(-margin).Intersect(now.Rect)), w.folder, name); err != nil {
		w.t.Fatal(err)
	}
	return now
}

// gone waits until the screen is as it was.
func (w *windowsScreen) gone(before *image.RGBA) {
	w.t.Helper()
	w.must(w.settled(func(now *image.RGBA) bool { return equal(now, before) }))
}

// shortDialogs are those that `make test` makes pictures of.
var shortDialogs = []string{"pin-long", "choice-long"}

// TestWindows makes pictures of what Windows' program shows, in wine. Without a folder for
// them it shows a few dialogs only, with the longest texts: the others take minutes.
func TestWindows(t *testing.T) {
	t.Run("dialogs", windowsDialogs)
	if *windowsFolder == "" {
		return
	}
	t.Run("menu", windowsMenu)
	t.Run("notifications", windowsNotes)
	t.Run("start", windowsStart)
}

// windowsDialogs: every dialog fits on a screen, and closes when the agent says so.
func windowsDialogs(t *testing.T) {
	for _, scale := range []struct {
		dots int
		size string
	}{{96, "1366x728"}, {192, "1920x1040"}} { // small laptops, at 100 and 200 %
		dots := scale.dots
		if *windowsFolder == "" && dots != 96 {
			continue
		}
		t.Run(strconv.Itoa(dots), func(t *testing.T) {
			w := newWindowsScreen(t, scale.size, dots)
			w.player()
			for _, lang := range []string{"fr", "en"} {
				for _, d := range dialogs {
					if *windowsFolder == "" && (lang != "fr" || !slices.Contains(shortDialogs, d.name)) {
						continue
					}
					name := "dialog-" + d.name + "-" + lang
					if dots != 96 {
						name += "-" + strconv.Itoa(dots)
					}
					before := w.must(w.settled(anything))
					w.order(order{Dialog: d.name, Lang: lang})
					w.shows(before, name)
					w.order(order{Close: true})
					w.gone(before)
				}
			}
		})
	}
}

// submenus are the entries of the menu with all that it can show that open another, by how
// far they are above its lower edge. In wine keys do not reach a menu of the tray.
var submenus = map[string]int{"menu-sites": 148, "menu-settings": 114, "menu-language": 54}

// journalEntry is how far "Journal" is above that edge.
const journalEntry = 71

// point moves the pointer, and clicks a button where it is not "".
func (w *windowsScreen) point(x, y int, button string) {
	w.t.Helper()
	args := []string{"mousemove", strconv.Itoa(x), strconv.Itoa(y)}
	if button != "" {
		args = append(args, "click", button)
	}
	if _, err := w.tool("xdotool", args...); err != nil {
		w.t.Fatal(err)
	}
}

// openMenu opens the menu with the mouse, and returns its frame.
func (w *windowsScreen) openMenu(closed *image.RGBA) image.Rectangle {
	w.t.Helper()
	at := iconFrame(closed.Rect)
	w.point(at.Min.X+20, at.Min.Y+15, "3")
	w.point(5, 5, "") // where it shows no tip
	open := w.must(w.settled(func(now *image.RGBA) bool { return bounds(now, closed, work(now)).Dy() > 100 }))
	return bounds(open, closed, work(open))
}

// windowsMenu: the icon in each state, the menu, and what it opens, in the panel's
// tray, where wine has its icons.
func windowsMenu(t *testing.T) {
	w := newWindowsScreen(t, "1280x560", 96)
	if err := w.panel(false, 22); err != nil {
		t.Fatal(err)
	}
	text := "time=2026-03-12T12:00:00.000Z level=INFO msg=\"TEST: prêt\"\n"
	if err := os.WriteFile(w.wine.Path("windows/temp/agent.log"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.player()
	icons, err := w.captureIcons(func(s scene) {
		w.order(order{Scene: s.name, Lang: "fr", LogFile: `C:\windows\temp\agent.log`})
	}, w.folder, "windows")
	if err != nil {
		t.Fatal(err)
	}
	if err := save(beside(icons), w.folder, "icons-windows"); err != nil {
		t.Fatal(err)
	}
	var menu image.Rectangle
	for _, lang := range []string{"fr", "en"} {
		w.order(order{Menu: true, Lang: lang})
		w.point(5, 5, "")
		closed := w.must(w.settled(anything))
		menu = w.openMenu(closed)
		w.shows(closed, "menu-"+lang)
		for _, name := range slices.Sorted(maps.Keys(submenus)) {
			w.point(menu.Min.X+60, menu.Max.Y-submenus[name], "")
			w.must(w.settled(func(now *image.RGBA) bool { return bounds(now, closed, work(now)).Dx() > menu.Dx()+20 }))
			w.shows(closed, name+"-"+lang)
			w.point(menu.Min.X+60, menu.Max.Y-10, "") // "Quitter" closes the submenu
			w.must(w.settled(func(now *image.RGBA) bool { return bounds(now, closed, work(now)).Dx() <= menu.Dx() }))
		}
		w.point(5, 5, "1")
		w.gone(closed)
	}
	closed := w.must(w.settled(anything))
	menu = w.openMenu(closed)
	w.point(menu.Min.X+60, menu.Max.Y-journalEntry, "1")
	if _, err := w.tool("xdotool", "search", "--sync", "--onlyvisible", "--name", `^agent.log`); err != nil {
		t.Fatalf("the log does not open: %v", err)
	}
	w.shows(closed, "log")
}

// agents builds both programs of the agent, as scripts/windows does, into a folder of this
// Windows with an accent and a space in its name, and returns the folder there.
func (w *windowsScreen) agents() string {
	w.t.Helper()
	folder := w.wine.Path("Program Files/Médecins TEST")
	cmd := exec.Command("../../../scripts/windows", folder, "amd64")
	cmd.Env = append(os.Environ(), "CPX_VERSION=0.0.0-dev", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("scripts/windows: %v\n%s", err, out)
	}
	return `C:\Program Files\Médecins TEST`
}

// commands are those of which a person reads the output in a console.
var commands = map[string][]string{"doctor": {"doctor"}, "certs": {"certs"}, "policy": {"policy"}, "autostart": {"autostart"}, "help": {"help"}}

// windowsStart: what Windows starts at a login is the program without a console. Where
// the settings are bad it says so in a window, in the person's language, and in the log;
// and what the program with a console prints is in that language, with its accents.
func windowsStart(t *testing.T) {
	w := newWindowsScreen(t, "1366x728", 96)
	folder := w.agents()
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	person := "users/" + who.Username + "/AppData/"
	settings, state := w.wine.Path(person+"Roaming/CPxBridge"), w.wine.Path(person+"Local/CPxBridge")
	if err := errors.Join(os.MkdirAll(settings, 0o700), os.MkdirAll(state, 0o700)); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(settings, "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for lang, word := range map[string]string{"fr": "démarre", "en": "starts"} {
		// As chosen in the menu: bad settings say no language.
		if err := language.NewChoice(state).Set(lang); err != nil {
			t.Fatal(err)
		}
		write("")
		if out := w.wine.Run(folder+`\cpx-agent.exe`, "autostart", "enable"); !strings.Contains(out, word) {
			t.Errorf("%s: %q", lang, out)
		}
		for name, args := range commands {
			out, err := w.wine.Command(folder+`\cpx-agent.exe`, args...).CombinedOutput()
			if len(out) == 0 || !utf8.Valid(out) {
				t.Errorf("%s, %s: %v, %q", name, lang, err, out)
			}
			if err := os.WriteFile(filepath.Join(w.folder, "console-"+name+"-"+lang+".txt"), out, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("module = [3]\n")
		before := w.must(w.settled(anything))
		// As the shell starts it at a login: without anything to print to.
		if run := w.wine.Run("reg", "query", `HKCU\Software\Microsoft\Windows\CurrentVersion\Run`); !strings.Contains(run, `\cpx-agentw.exe" run`) {
			t.Errorf("the Run key: %s", run)
		}
		if err := w.wine.Command("cmd", "/c", "start", "", folder+`\cpx-agentw.exe`, "run").Run(); err != nil {
			t.Fatal(err)
		}
		w.shows(before, "start-failed-"+lang)
		if _, err := w.tool("xdotool", "key", "Escape"); err != nil {
			t.Fatal(err)
		}
		w.gone(before)
		log, err := os.ReadFile(filepath.Join(state, "agent.log"))
		if err != nil || !strings.Contains(string(log), "the agent does not start") || !strings.Contains(string(log), "config.toml:1: module") {
			t.Errorf("%v: %s", err, log)
		}
	}
}

// windowsNotes: a notification is shown, and goes with who has shown it.
func windowsNotes(t *testing.T) {
	w := newWindowsScreen(t, "1280x560", 96)
	if err := w.panel(false, 22); err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"fr", "en"} {
		for _, name := range []string{"ready", "expires", "keyring", "paused"} {
			w.player()
			before := w.must(w.settled(anything))
			w.order(order{Note: name, Lang: lang})
			w.shows(before, "note-"+name+"-"+lang)
			_ = w.in.Close()
			w.gone(before)
		}
	}
}
