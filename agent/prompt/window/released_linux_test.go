package window

import (
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// grabber tries to take the keyboard, as a program of the same person's does that locks the
// screen.
func grabber(t *testing.T) (grab func() string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "keyboardgrab")
	if out, err := exec.Command("gcc", "-o", program, "testdata/keyboardgrab.c", "-lX11").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func() string {
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
}

// TestKeyboardIsReleased: the window keeps the keyboard for itself while a PIN is typed, and
// gives it back where nobody has typed for a while, so that the screen can be locked. It takes
// it anew when the screen is unlocked, or by the next key, which is part of the PIN, as are
// those before.
func TestKeyboardIsReleased(t *testing.T) {
	s := screen(t)
	s.Manage()
	grab := grabber(t)
	r := dialog.Request{
		ID: 1, Title: "CPx Bridge", Origin: site.Origin, Text: "?", Quiet: 1, Entry: &dialog.Entry{Least: 4, Most: 8, Release: hour},
		Buttons: []dialog.Button{{Label: "_No", Answer: dialog.Cancel}, {Label: "_Yes", Answer: dialog.OK, Default: true}},
	}
	in, out, cmd := play(t, r)
	window := s.Ready(dialogTitle)
	s.InFront(window)
	s.Do("key", "1")
	s.Await("the keyboard is refused", func() bool { return grab() == "refused" })
	next := func(id, release int) {
		t.Helper()
		r.ID, r.Entry.Continues, r.Entry.Release = id, true, release
		if err := json.NewEncoder(in).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	next(2, 50)
	s.Role(window, "cpx-ready-2 released-1")
	if got := grab(); got != "taken" {
		t.Errorf("the keyboard is %s after a while without a key", got)
	}
	s.Role(window, "cpx-ready-2 released-2") // it had taken it anew, when that program ended
	s.Do("key", "2")
	s.Role(window, "cpx-ready-2 released-3") // and once more, by the key
	next(3, hour)
	s.Role(window, "cpx-ready-3")
	s.Await("the keyboard is refused to others", func() bool { return grab() == "refused" })
	s.Do("key", "super+l")
	s.Await("the desktop has the keyboard after a key of its own", func() bool { return grab() == "taken" })
	s.Do("key", "3")
	s.Await("the keyboard is refused again", func() bool { return grab() == "refused" })
	s.Do("key", "4", "Return")
	line, err := out.ReadString('\n')
	if want := `{"id":3,"answer":"ok","row":-1,"length":4}` + "\n"; err != nil || line != want {
		t.Errorf("%q, %v; want %q", line, err, want)
	}
	pin := make([]byte, 4)
	if _, err := io.ReadFull(out, pin); err != nil || string(pin) != "1234" {
		t.Errorf("%q, %v", pin, err)
	}
	s.Await("the keyboard is free after the answer", func() bool { return grab() == "taken" })
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
