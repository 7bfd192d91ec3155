package window

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

var (
	yes       = ask.Answer{}
	cancelled = ask.Answer{Error: "cancelled"}
	never     = ask.Answer{Error: "never"}
)

func typed(pin string) ask.Answer { return ask.Answer{PIN: pin} }

// TestKeyboard: everything works by keyboard, and Enter alone allows nothing.
func TestKeyboard(t *testing.T) {
	s := screen(t)
	s.Manage()
	for _, c := range []struct {
		kind, lang, keys string
		want             ask.Answer
	}{
		{"consent", "fr", "Return", cancelled},
		{"consent", "fr", "space", cancelled},
		{"consent", "fr", "Escape", cancelled},
		{"consent", "fr", "Tab Return", yes},
		{"consent", "fr", "Right space", yes},
		{"consent", "fr", "alt+a", yes},
		{"consent", "en", "alt+r", cancelled},
		{"consent", "en", "alt+F4", cancelled},
		{"consent", "fr", "shift+Tab Return", never},
		{"consent", "fr", "Left space", never},
		{"consent", "fr", "alt+j", never},
		{"consent", "en", "alt+n", never},
		{"consent", "en", "Tab Tab Return", never},
		{"consent", "en", "shift+Tab Tab Return", cancelled},
		{"confirm", "fr", "Return", cancelled},
		{"confirm", "en", "Tab Return", yes},
		{"always", "fr", "Return", cancelled},
		{"always", "fr", "alt+t", yes},
		{"always", "en", "Tab Return", yes},
		{"choose", "fr", "Return", yes},
		{"choose", "fr", "Down Return", ask.Answer{Row: 1}},
		{"choose", "en", "Down Down Up Down Return", ask.Answer{Row: 2}},
		{"choose", "en", "End space alt+u", ask.Answer{Row: 2}},
		{"choose", "fr", "Down Tab Tab space", ask.Answer{Row: 1}},
		{"choose", "fr", "Down shift+Tab shift+Tab shift+Tab Return", ask.Answer{Row: 1}},
		{"choose", "fr", "Down Escape", cancelled},
		{"choose", "en", "alt+c", cancelled},
		{"insert", "fr", "Escape", cancelled},
		{"insert", "en", "Return", cancelled},
		{"pad", "fr", "Escape", cancelled},
		{"pad", "en", "alt+c", cancelled},
		{"pin", "fr", "1 2 3 4 Return", typed("1234")},
		{"pin", "fr", "KP_1 KP_2 KP_3 KP_4 KP_Enter", typed("1234")},
		{"pin", "fr", "1 2 3 4 alt+v", typed("1234")},
		{"pin", "fr", "1 2 3 4 Tab Tab space", typed("1234")},
		{"pin", "fr", "1 2 3 4 Tab Return", cancelled},
		{"pin", "fr", "1 2 3 4 Escape", cancelled},
		{"pin", "en", "1 2 3 4 alt+c", cancelled},
		{"pin", "en", "Return space BackSpace Return 1 2 Return 3 Return 4 Return", typed("1234")}, // nothing goes out that is too short
		{"pin", "en", "1 2 3 4 5 6 7 8 9 Return BackSpace Return", typed("12345678")},              // or too long
		{"pin", "fr", "1 2 3 4 ctrl+a 5 6 7 8 Return", typed("5678")},
		{"pin", "fr", "1 9 2 3 Left Left BackSpace End 4 Return", typed("1234")},
		{"pin", "fr", "a B shift+1 4 Return", typed("aB!4")},
		{"pin wrong", "fr", "1 2 3 4 Return", typed("1234")},
		{"pin final", "en", "Return 1 2 3 4 Return", typed("1234")},
		{"pin final", "en", "Escape", cancelled},
		{"notice", "fr", "Escape", yes},
		{"notice", "fr", "Return", yes},
		{"notice", "en", "Tab space Tab space", yes},
	} {
		t.Run(c.kind+" "+c.lang+" "+c.keys, func(t *testing.T) {
			s.T = t
			a, _ := inFront(t.Context(), s, dialogs(), question(c.kind, c.lang))
			s.Do(append([]string{"key", "--clearmodifiers"}, strings.Fields(c.keys)...)...)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestFrenchKeyboard: on a keyboard where digits are typed with Shift they are digits, and
// letters with accents are characters. (What a keyboard lacks xdotool adds for a moment,
// which may be over when the window asks what a key means.)
func TestFrenchKeyboard(t *testing.T) {
	s := screen(t)
	s.Manage()
	if out, err := exec.Command("setxkbmap", "-display", s.Display, "fr").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a, _ := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	s.Do("key", "1", "eacute", "A", "9", "ccedilla", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("1éA9ç") {
		t.Errorf("got %+v", got)
	}
}

// TestMouse: a click chooses without answering, a second one or a button answers.
func TestMouse(t *testing.T) {
	s := screen(t)
	s.Manage()
	// A position from the top left, or where negative from the bottom right.
	type point struct{ x, y int }
	secondRow, thirdRow, use, cancel := point{250, 240}, point{250, 315}, point{-60, -35}, point{-160, -35}
	for name, c := range map[string]struct {
		at    []point
		times string
		want  ask.Answer
	}{
		"a row, then the button":  {[]point{secondRow, use}, "1", ask.Answer{Row: 1}},
		"double click":            {[]point{thirdRow}, "2", ask.Answer{Row: 2}},
		"another row, and cancel": {[]point{thirdRow, cancel}, "1", cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			a, window := inFront(t.Context(), s, dialogs(), question("choose", "fr"))
			width, height := s.Size(window)
			for _, p := range c.at {
				if p.x < 0 {
					p = point{p.x + width, p.y + height}
				}
				s.Do("mousemove", "--window", window, strconv.Itoa(p.x), strconv.Itoa(p.y), "click", "--repeat", c.times, "--delay", "40", "1")
			}
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestEnded: each window closes with its context, and the error says how.
func TestEnded(t *testing.T) {
	s := screen(t)
	for _, kind := range []string{"consent", "confirm", "always", "choose", "insert", "pad", "pin", "notice"} {
		t.Run(kind, func(t *testing.T) {
			s.T = t
			endsWithContext(t, kind, func() { s.Ready(dialogTitle) }, func() { s.Gone(dialogTitle) })
		})
	}
}
