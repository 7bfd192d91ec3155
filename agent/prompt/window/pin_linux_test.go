package window

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestNothingPasted: neither the clipboard nor what is selected elsewhere reaches the
// entry, by key or by mouse, and no menu opens over it.
func TestNothingPasted(t *testing.T) {
	s := screen(t)
	s.Manage()
	notice := question("notice", "fr")
	notice.Title, notice.Text = "Copy", "98765"
	source := begin(t.Context(), dialogs(), notice)
	from := s.Ready("^Copy$")
	s.InFront(from)
	s.Do("key", "ctrl+a", "alt+c") // both selections
	s.Role(from, "cpx-copied")
	a, window := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	width, height := s.Size(window)
	s.Do("key", "1", "ctrl+v", "shift+Insert", "2")
	for _, button := range []string{"2", "3"} { // into the entry, above the buttons
		s.Do("mousemove", "--window", window, strconv.Itoa(width/2), strconv.Itoa(height-90), "click", button)
	}
	s.Do("key", "Menu", "shift+F10", "ctrl+period", "3", "ctrl+c", "ctrl+x", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: "1234"}) {
		t.Errorf("%+v", got)
	}
	source.cancel()
	<-source.answer
}

// TestCapsLock: the window says when Caps Lock is on.
func TestCapsLock(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	a, _ := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	said := func() bool { return dialogSays(r, "La touche Verr. Maj. est activée.", "") }
	if said() {
		t.Error("it says so before")
	}
	s.Do("key", "Caps_Lock")
	s.Await("it says so", said)
	s.Do("key", "Caps_Lock")
	s.Await("it says so no more", func() bool { return !said() })
	a.cancel()
	<-a.answer
}

// TestGrab: while a PIN is asked for, no other program can take the keyboard; before and
// after it can, however the window ends.
func TestGrab(t *testing.T) {
	s := screen(t)
	s.Manage()
	grab := grabber(t)
	expect := func(when, want string) {
		t.Helper()
		s.Await(when+" the keyboard is "+want, func() bool { return grab() == want })
	}
	a, _ := inFront(t.Context(), s, dialogs(), question("consent", "fr"))
	expect("at another question", "taken")
	a.cancel()
	<-a.answer
	s.Gone(dialogTitle)

	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	window := consented(ctx, s, login)
	a = begin(ctx, login, question("pin", "fr"))
	s.Role(window, "cpx-ready-3")
	expect("at the PIN", "refused")
	s.Do("key", "1", "2", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got.PIN != "1234" {
		t.Errorf("%+v", got)
	}
	expect("after the answer", "taken")
	end()

	a, _ = inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	expect("at the PIN", "refused")
	s.Do("key", "Escape")
	if got := testdesktop.Await(t, a.answer); got != cancelled {
		t.Errorf("%+v", got)
	}
	expect("after a cancel", "taken")

	a, window = inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	expect("at the PIN", "refused")
	pid := windowProcess(s, window)
	onlyPinentry(t, "xev") // none
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := testdesktop.Await(t, a.answer); got.Error != "unavailable" {
		t.Errorf("%+v", got)
	}
}

// TestContinues: where the card's tries are others than were shown, the same window says
// so, and what was typed remains; at another card nothing of it does.
func TestContinues(t *testing.T) {
	s := screen(t)
	s.Manage()
	for name, c := range map[string]struct {
		next string // the keys after the change
		ask  prompt.PIN
		want string
	}{
		"the same card":  {"Return", prompt.PIN{FinalTry: true, Replaced: true}, "1234"},
		"another entry":  {"3 4 5 6 Return", prompt.PIN{}, "3456"},
		"after an entry": {"3 4 5 6 Return", prompt.PIN{WrongPIN: true}, "3456"},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			ctx, login, end := prompt.Begin(t.Context(), dialogs())
			defer end()
			a, window := inFront(ctx, s, login, question("pin", "fr"))
			s.Do("key", "1", "2")
			a.cancel() // as pkcs11 does
			if got := testdesktop.Await(t, a.answer); got.Error != "ended" || got.PIN != "" {
				t.Errorf("%+v", got)
			}
			q := question("pin", "fr")
			c.ask.MinLength, c.ask.MaxLength, q.PIN = 4, 8, c.ask
			q.PIN.MinLength, q.PIN.MaxLength = 4, 8
			a = begin(ctx, login, q)
			s.Role(window, "cpx-ready-2")
			if c.ask.FinalTry { // the warning must have been there to be read
				s.Do("key", "3", "4")
				s.Role(window, "cpx-read-2")
			}
			s.Do(append([]string{"key"}, strings.Fields(c.next)...)...)
			if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: c.want}) {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// TestCrashWhileTyping: where the window dies while a PIN is typed, pinentry asks for it
// in its stead, and nothing that was still being typed reaches that. The consent that was
// given is not asked for once more.
func TestCrashWhileTyping(t *testing.T) {
	s := screen(t)
	s.Manage()
	onlyPinentry(t, "pinentry-gtk-2")
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	window := consented(ctx, s, login)
	a := begin(ctx, login, question("pin", "fr"))
	s.Role(window, "cpx-ready-3")
	pid := windowProcess(s, window)
	keys := []string{"key", "--delay", "50"}
	for range 15 {
		keys = append(keys, "4", "3", "2", "1", "Return")
	}
	s.Do("key", "4", "3")
	typed := make(chan error, 1)
	if err := syscall.Kill(pid, syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := s.Try(keys...)
		typed <- err
	}()
	if err := testdesktop.Await(t, typed); err != nil {
		t.Error(err)
	}
	select {
	case got := <-a.answer:
		t.Fatalf("what was typed before pinentry stood is an answer: %+v", got)
	default:
	}
	s.Front("^CPx Bridge$") // pinentry's; the one before has another title
	s.Do("key", "1", "2", "4", "3", "Return")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: "1243"}) {
		t.Errorf("%+v", got)
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
