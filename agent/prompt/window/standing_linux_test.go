package window

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestStandingWindowAsksForKeyboard: the person went back to the browser while the window
// stood. The PIN question takes the keyboard, so that no digit of it goes to the page.
func TestStandingWindowAsksForKeyboard(t *testing.T) {
	s := screen(t)
	s.Manage()
	var keys testdesktop.Output
	running(t, &keys, need.Program(t, "xev"), "-event", "keyboard")
	other := s.Window("^Event Tester$")
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	a, window := inFront(ctx, s, login, question("insert", "fr"))
	s.Do("windowactivate", "--sync", other)
	a.cancel()
	testdesktop.Await(t, a.answer)
	a = begin(ctx, login, question("pin", "fr"))
	s.InFront(window)
	s.Role(window, "cpx-ready-3")
	s.Do("key", "1", "2", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("1234") {
		t.Errorf("%+v", got)
	}
	if strings.Contains(keys.String(), "KeyPress") {
		t.Errorf("the window behind got keys:\n%s", keys.String())
	}
}

// TestEntryWithoutKeyboard: where the desktop gives the window no keyboard it says beside
// the entry what to do, until it has it.
func TestEntryWithoutKeyboard(t *testing.T) {
	for lang, want := range map[string]string{"fr": "Cliquez ici pour saisir votre code.", "en": "Click here to type your PIN."} {
		t.Run(lang, func(t *testing.T) {
			s, r := reader(t)
			s.ManageWithoutFocus()
			says := func(w testdesktop.Thing) bool { return says(w, want, "") }
			a := begin(t.Context(), dialogs(), question("pin", lang))
			window := s.Find(dialogTitle)
			s.Role(window, "cpx-away-1")
			r.Window(says)
			s.Do("windowactivate", "--sync", window)
			s.Role(window, "cpx-ready-1")
			r.Window(func(w testdesktop.Thing) bool { return !says(w) })
			a.cancel()
			testdesktop.Await(t, a.answer)
		})
	}
}

// TestCancelBetweenQuestions: Escape counts also where its question was withdrawn a moment
// ago and the next one has not come, and what was typed is gone.
func TestCancelBetweenQuestions(t *testing.T) {
	s := screen(t)
	s.Manage()
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	a, _ := inFront(ctx, s, login, question("pin", "fr"))
	s.Do("key", "1", "2", "3", "4")
	a.cancel()
	testdesktop.Await(t, a.answer)
	s.Do("key", "Escape")
	testdesktop.Await(t, ctx.Done())
	if !errors.Is(context.Cause(ctx), prompt.ErrCancelled) {
		t.Error(context.Cause(ctx))
	}
	s.Gone(dialogTitle)
}

// TestDoubleClickOnAnswer: the second click of a double click neither cancels what follows nor
// falls through to the page below.
func TestDoubleClickOnAnswer(t *testing.T) {
	s := screen(t)
	s.Manage()
	for _, kind := range []string{"consent", "pin"} {
		t.Run(kind, func(t *testing.T) {
			s.T = t
			ctx, login, end := prompt.Begin(t.Context(), dialogs())
			defer end()
			a, window := inFront(ctx, s, login, question(kind, "fr"))
			if kind == "pin" {
				s.Do("key", "1", "2", "3", "4")
			}
			width, height := s.Size(window)
			s.Do("mousemove", "--window", window, strconv.Itoa(width-50), strconv.Itoa(height-30), "click", "--repeat", "2", "--delay", "150", "1")
			if got := testdesktop.Await(t, a.answer); got.Error != "" {
				t.Fatalf("%+v", got)
			}
			s.Role(window, "cpx-busy-2")
			if _, now := s.Size(window); now < height {
				t.Errorf("the window shrank from %d to %d", height, now)
			}
			a = begin(ctx, login, question("pin wrong", "fr"))
			s.Role(window, "cpx-ready-3")
			s.Do("key", "4", "3", "2", "1", "Return")
			if got := testdesktop.Await(t, a.answer); got != typed("4321") {
				t.Errorf("%+v, %v", got, context.Cause(ctx))
			}
		})
	}
}

// TestLastTryIsRead: what was typed before the warning of the last try came is not sent by an
// Enter that was on its way: it counts when the warning could be read.
func TestLastTryIsRead(t *testing.T) {
	s := screen(t)
	s.Manage()
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	a, window := inFront(ctx, s, login, question("pin", "fr"))
	s.Do("key", "1", "2", "3", "4")
	a.cancel()
	testdesktop.Await(t, a.answer)
	q := question("pin", "fr")
	q.PIN.FinalTry, q.PIN.Replaced = true, true
	a = begin(ctx, login, q)
	s.Role(window, "cpx-ready-2")
	s.Do("key", "--delay", "20", "--repeat", "100", "Return") // for longer than the time that they do not count
	s.Role(window, "cpx-read-2")
	s.Do("key", "5", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("12345") {
		t.Errorf("%+v", got)
	}
}
