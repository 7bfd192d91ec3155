package window

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// windowProcess is the process of the open window.
func windowProcess(s *testdesktop.Screen, window string) int {
	s.T.Helper()
	pid, err := strconv.Atoi(s.Do("getwindowpid", window))
	if err != nil {
		s.T.Fatal(err)
	}
	return pid
}

// TestNothingToRead: what other programs can read of the window's process names
// neither holder nor site.
func TestNothingToRead(t *testing.T) {
	s := screen(t)
	a := begin(t.Context(), dialogs(), question("choose", "fr"))
	pid := windowProcess(s, s.Ready(dialogTitle))
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
		if file == "environ" && os.Geteuid() != 0 && errors.Is(err, os.ErrPermission) {
			continue // others cannot read it at all
		}
		if err != nil || len(text) == 0 {
			t.Fatal(file, len(text), err)
		}
		if file == "cmdline" && !strings.HasSuffix(string(text), "\x00"+string(role.DialogWindow)+"\x00") {
			t.Errorf("not the window's process: %q", text)
		}
		for _, secret := range []string{"DÉMONSTRATION", "ÉPREUVE", "810000000005", "portail"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s: %q in %q", file, secret, text)
			}
		}
	}
	a.cancel()
	<-a.answer
}

// TestCrash: where a window crashes, pinentry asks the question again.
func TestCrash(t *testing.T) {
	s := screen(t)
	s.Manage()
	for _, c := range []struct {
		kind string
		keys []string
		want ask.Answer
	}{
		{"consent", []string{"Tab", "Return"}, yes},
		{"choose", []string{"Escape"}, cancelled},
		{"insert", []string{"Return"}, cancelled},
		{"notice", []string{"Return"}, yes},
		{"pin", []string{"1", "2", "4", "3", "Return"}, ask.Answer{PIN: "1243"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s.T = t
			onlyPinentry(t, "pinentry-gtk-2")
			a := begin(t.Context(), dialogs(), question(c.kind, "fr"))
			window := s.Ready(dialogTitle)
			pid := windowProcess(s, window)
			if err := syscall.Kill(pid, syscall.SIGSEGV); err != nil {
				t.Fatal(err)
			}
			other := s.Other(dialogTitle, pid)
			s.InFront(other)
			s.Do(append([]string{"key"}, c.keys...)...)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestNoDisplay: without a display, or with one that does not answer, there is an
// error at once.
func TestNoDisplay(t *testing.T) {
	t.Setenv("WAYLAND_DISPLAY", "")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	terminal := os.Stdin
	os.Stdin = null // pinentry would ask on the tester's terminal
	defer func() { os.Stdin = terminal }()
	for _, display := range []string{"", ":65000"} {
		t.Setenv("DISPLAY", display)
		for _, kind := range []string{"consent", "choose", "insert", "pad", "notice"} {
			if got := <-begin(t.Context(), dialogs(), question(kind, "fr")).answer; got.Error != "unavailable" {
				t.Errorf("DISPLAY=%q: %s: %+v", display, kind, got)
			}
		}
	}
}

// TestAgentEnds: no window outlives the agent, however that ends: neither ours, nor one
// that hangs, nor pinentry's.
func TestAgentEnds(t *testing.T) {
	s := screen(t)
	for name, c := range map[string]struct {
		kind, program string
		hangs         bool
	}{
		"ours":           {"choose", "", false},
		"one that hangs": {"pin", "", true},
		"pinentry's":     {"pin", need.Program(t, "pinentry-gtk-2"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), askRole+"="+c.kind, programVariable+"="+c.program)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Wait() }()
			pid := windowProcess(s, s.Find(dialogTitle))
			if pid == cmd.Process.Pid {
				t.Fatal("the window is in the agent's own process")
			}
			if c.hangs {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			s.Gone(dialogTitle)
		})
	}
}

// play starts a window's process by hand.
func play(t *testing.T, request any) (in io.WriteCloser, out *bufio.Reader, cmd *exec.Cmd) {
	t.Helper()
	c := Command()
	cmd = exec.Command(c[0], c[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if err := json.NewEncoder(in).Encode(request); err != nil {
		t.Fatal(err)
	}
	return in, bufio.NewReader(stdout), cmd
}

// hour is a quiet time that does not end during a test, in milliseconds.
const hour = 3600 * 1000

// yesOrNo is a question with that quiet time, in milliseconds.
func yesOrNo(quiet int) dialog.Request {
	return dialog.Request{
		Title: "CPx Bridge", Origin: site.Origin, Text: "?", Quiet: quiet, Rows: []dialog.Row{{Name: "TEST", Spoken: "TEST"}},
		Buttons: []dialog.Button{{Label: "_No", Answer: dialog.Cancel}, {Label: "_Yes", Answer: dialog.OK, Default: true}},
	}
}

// expectAnswer waits for a window's answer, ends it and waits for its process.
func expectAnswer(t *testing.T, in io.Closer, out *bufio.Reader, cmd *exec.Cmd, want string) {
	t.Helper()
	line, err := out.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		t.Errorf("%q, %v; want %s", line, err, want)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// quietStarts is how often the window's quiet time has started again.
func quietStarts(s *testdesktop.Screen, window string) int {
	s.T.Helper()
	_, number, ok := strings.Cut(s.RoleOf(window), "cpx-quiet-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return -1
	}
	return n
}

// TestTypedTooEarly: keys and clicks that were meant for another window answer
// nothing, and the window waits for their end.
func TestTypedTooEarly(t *testing.T) {
	s := screen(t)
	s.Manage()
	in, out, cmd := play(t, yesOrNo(hour))
	window := s.Window(dialogTitle)
	s.InFront(window)
	before := 0
	s.Await("the quiet time has started", func() bool { return strings.HasPrefix(s.RoleOf(window), "cpx-quiet-") })
	restarts := func(what string, times int) {
		t.Helper()
		s.Await(what+" restarts the quiet time", func() bool { return quietStarts(s, window) >= before+times })
		before = quietStarts(s, window)
	}
	restarts("the keyboard", 0)
	width, height := s.Size(window)
	keys := []string{"Return", "space", "alt+y", "Escape", "alt+n", "Tab", "space", "Return"}
	s.Do(append([]string{"key"}, keys...)...)
	restarts("each key", len(keys))
	s.Do("mousemove", "--window", window, strconv.Itoa(width-60), strconv.Itoa(height-35), "click", "--repeat", "3", "--delay", "10", "1")
	restarts("each click", 3)
	// The window is still open and answers only now: Alt+F4 goes to the window
	// manager, which closes it.
	s.Do("key", "alt+F4")
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"cancel","row":0}`)
}

// TestKeyboardComesBack: a window that lost the keyboard, perhaps to one that opened
// in front of it, accepts nothing until another quiet time has passed.
func TestKeyboardComesBack(t *testing.T) {
	s := screen(t)
	s.Manage()
	running(t, &testdesktop.Output{}, need.Program(t, "xev"))
	other := s.Window("^Event Tester$")
	in, out, cmd := play(t, yesOrNo(50))
	window := s.Ready(dialogTitle)
	s.InFront(window)
	s.Do("windowactivate", "--sync", other)
	width, height := s.Size(window)
	lost := -1
	s.Await("it accepts nothing", func() bool { lost = quietStarts(s, window); return lost >= 0 })
	s.Do("windowactivate", "--sync", window)
	s.Role(window, "cpx-ready")
	s.InFront(window)
	s.Do("windowactivate", "--sync", other)
	s.Await("it accepts nothing again", func() bool { return quietStarts(s, window) >= lost+2 })
	s.Do("windowactivate", "--sync", window)
	s.InFront(window)
	s.Role(window, "cpx-ready")
	s.Do("mousemove", "--window", window, strconv.Itoa(width-60), strconv.Itoa(height-35), "click", "1")
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"ok","row":0}`)
}

// TestPasses: a window before a PIN dialog swallows what is typed, and closes by
// itself once nothing is.
func TestPasses(t *testing.T) {
	s := screen(t)
	s.Manage()
	r := dialog.Request{Title: "CPx Bridge …", Origin: site.Origin, Text: "…", Quiet: hour, Passes: true}
	in, out, cmd := play(t, r)
	window := s.Window("^CPx Bridge …$")
	s.InFront(window)
	before := -1
	s.Await("the quiet time has started", func() bool { before = quietStarts(s, window); return before >= 0 })
	s.Do("key", "1", "2", "3", "4", "Return", "Escape", "space")
	s.Await("each key restarts the quiet time", func() bool { return quietStarts(s, window) >= before+7 })
	s.Do("key", "alt+F4")
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"cancel","row":0}`)

	r.Quiet = 50
	in, out, cmd = play(t, r)
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"ok","row":-1}`)
}

// TestPassesUnseen: a window that the desktop does not give the keyboard cannot see
// what is typed: it stays open longer, but not for ever.
func TestPassesUnseen(t *testing.T) {
	s := screen(t)
	s.ManageWithoutFocus()
	in, out, cmd := play(t, dialog.Request{Title: "CPx Bridge …", Origin: site.Origin, Text: "…", Quiet: 1000, Passes: true})
	s.Role(s.Find("^CPx Bridge …$"), "cpx-quiet-6")
	expectAnswer(t, in, out, cmd, `{"id":0,"answer":"ok","row":-1}`)
}

// TestBadRequest: a process with a bad request exits with its own status.
func TestBadRequest(t *testing.T) {
	for _, request := range []any{"nonsense", map[string]string{}, []int{1}} {
		_, out, cmd := play(t, request)
		if text, err := io.ReadAll(out); err != nil || len(text) > 0 {
			t.Errorf("%v: %q, %v", request, text, err)
		}
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != role.ExitMisused {
			t.Errorf("%v: %v", request, cmd.ProcessState)
		}
	}
}

// TestHostile: whatever texts a card holds, the window with its buttons fits on the
// screen, and still works.
func TestHostile(t *testing.T) {
	s := screen(t)
	s.Manage()
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			s.T = t
			q := question("choose", "fr")
			q.Caller = prompt.Caller{Origin: "https://" + strings.Repeat("a.", 400) + "attaque.example.fr", Program: text}
			for i := range 12 {
				q.Holders = append(q.Holders, prompt.Holder{Name: text, Identifier: text + strconv.Itoa(i), Profession: text + "2", Kind: text + "3", NotAfter: text + "4"})
			}
			a, window := inFront(t.Context(), s, dialogs(), q)
			if width, height := s.Size(window); width > 700 || height > 580 {
				t.Errorf("%d × %d on a screen of 900 × 600", width, height)
			}
			s.Do("key", "Down", "Down", "Down", "alt+u")
			if got := testdesktop.Await(t, a.answer); got.Row != 3 || got.Error != "" {
				t.Errorf("%+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
}

var hostile = map[string]string{
	"markup":     "<b>gras</b> <span size='100000'>&amp;</span> &#x202e;",
	"direction":  "a\u202eb\u2066c\u2069 \u200f",
	"control":    "a\x00b\x1b[31m\r\nc\td",
	"long":       strings.Repeat("Très long nom ", 1000),
	"one word":   strings.Repeat("W", 10000),
	"zero width": strings.Repeat("\u200b\u200d\ufeff", 3000) + "x",
	"not UTF-8":  strings.Repeat("\xff\xfe", 500),
	"stacked":    "Z" + strings.Repeat("\u0301", 2000),
	"underscore": "_Utiliser __init__",
}

// TestLinesWhileTheToolkitLoads: what comes right after the first question, before the toolkit is
// there to show it, and a call to the front before any question, end no window.
func TestLinesWhileTheToolkitLoads(t *testing.T) {
	s := screen(t)
	type front struct {
		Front bool `json:"front"`
	}
	first, next := yesOrNo(0), yesOrNo(0)
	first.ID, next.ID, next.Title = 1, 2, "CPx Bridge: TEST"
	for name, lines := range map[string][]any{"another question": {first, next}, "to the front": {first, front{true}, next}, "to the front, before": {front{true}, first, next}} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			in, out, cmd := play(t, lines[0])
			for _, line := range lines[1:] {
				if err := json.NewEncoder(in).Encode(line); err != nil {
					t.Fatal(err)
				}
			}
			s.Ready("^CPx Bridge: TEST$")
			s.Do("key", "Return")
			expectAnswer(t, in, out, cmd, `{"id":2,"answer":"ok","row":0}`)
		})
	}
}
