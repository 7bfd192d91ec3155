package window

import (
	"context"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestTypedAhead: of what is typed while no entry stands, the end never reaches the one that
// comes, as a PIN without its beginning; nor does it press a button of another question.
func TestTypedAhead(t *testing.T) {
	s := screen(t)
	s.Manage()
	pin, wrong := question("pin", "fr"), question("pin", "fr")
	pin.PIN.MaxLength, wrong.PIN.MaxLength = 0, 0 // whatever arrives is sent
	wrong.PIN.WrongPIN = true
	for name, c := range map[string]struct {
		first  ask.Question
		answer string // of the first, with what follows at once; "": it is withdrawn
		ahead  string
		then   ask.Question
		keys   string
		want   ask.Answer
	}{
		"a PIN after consent":    {question("consent", "fr"), "Tab Return", "1 2", pin, "1 2 3 4 5 6 Return", ask.Answer{PIN: "123456"}},
		"a PIN after the choice": {question("choose", "fr"), "Down Return", "1 2", pin, "1 2 3 4 5 6 Return", ask.Answer{PIN: "123456"}},
		"a PIN after a wrong one": {question("pin", "fr"), "9 9 9 9 Return", "1 2", wrong, "1 2 3 4 5 6 Return",
			ask.Answer{PIN: "123456"}},
		"a PIN as the card comes": {question("insert", "fr"), "", "1 2", pin, "1 2 3 4 5 6 Return", ask.Answer{PIN: "123456"}},
		"Enter before the choice": {question("consent", "fr"), "Tab Return", "1 2", question("choose", "fr"), "Down Return", ask.Answer{Row: 1}},
		"Escape":                  {question("consent", "fr"), "Tab Return", "1 2", pin, "Escape", cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			ctx, login, end := prompt.Begin(t.Context(), dialogs())
			defer end()
			a, window := inFront(ctx, s, login, c.first)
			if c.answer == "" {
				s.Do(append([]string{"key"}, strings.Fields(c.ahead)...)...)
				a.cancel()
			} else {
				s.Do(append([]string{"key"}, strings.Fields(c.answer)...)...)
			}
			testdesktop.Await(t, a.answer)
			s.Role(window, "cpx-busy-2")
			if c.answer != "" {
				s.Do(append([]string{"key"}, strings.Fields(c.ahead)...)...)
			}
			going := make(chan error, 1)
			go func() { // the person types on, and the question comes meanwhile
				_, err := s.Try("key", "--delay", "60", "3", "4", "3", "4", "3", "4", "3", "4", "3", "4", "3", "4", "3", "4", "3", "4", "BackSpace", "3", "4", "5", "6", "Return")
				going <- err
			}()
			a = begin(ctx, login, c.then)
			if err := testdesktop.Await(t, going); err != nil {
				t.Fatal(err)
			}
			if c.keys != "Escape" {
				s.Role(window, "cpx-ready-3")
			}
			select {
			case got := <-a.answer:
				t.Fatalf("what was typed ahead is an answer: %+v", got)
			default:
			}
			s.Do(append([]string{"key"}, strings.Fields(c.keys)...)...)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestHeldDown: a key that is held down from one question into the next counts in the
// first only.
func TestHeldDown(t *testing.T) {
	s := screen(t)
	s.Manage()
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	a, window := inFront(ctx, s, login, question("consent", "fr"))
	s.Do("key", "Tab")
	s.Do("keydown", "Return")
	if got := testdesktop.Await(t, a.answer); got != yes {
		t.Fatalf("%+v", got)
	}
	a = begin(ctx, login, question("choose", "fr"))
	s.Await("the key repeats in the list", func() bool { return strings.HasPrefix(s.RoleOf(window), "cpx-quiet") || len(a.answer) > 0 })
	s.Do("keyup", "Return")
	s.Role(window, "cpx-ready-3")
	s.Do("key", "Down", "Return")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{Row: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestTypedAfterPIN: what is typed right after a PIN's Enter is no part of it.
func TestTypedAfterPIN(t *testing.T) {
	s := screen(t)
	s.Manage()
	a, _ := inFront(context.Background(), s, dialogs(), question("pin", "fr"))
	s.Do("key", "--delay", "1", "1", "2", "3", "4", "Return", "5", "6")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: "1234"}) {
		t.Errorf("%+v", got)
	}
}

// TestSaysTooEarly: the entry says that nothing of what was typed ahead is in it, until a
// character is, and what was wrong with the one before remains said.
func TestSaysTooEarly(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	said := func(want string) func() bool { return func() bool { return dialogSays(r, want, "alert") } }
	const early = "Vous avez tapé trop tôt\u00a0: rien n’a été saisi. Attendez un instant, puis tapez votre code porteur en entier."
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	defer end()
	a, window := inFront(ctx, s, login, question("pin", "fr"))
	s.Do("key", "9", "9", "9", "9", "Return")
	testdesktop.Await(t, a.answer)
	s.Role(window, "cpx-busy-2")
	s.Do("key", "1")
	a = begin(ctx, login, question("pin wrong", "fr"))
	s.Await("it says so", said("Code porteur incorrect. "+early))
	s.Role(window, "cpx-ready-3")
	s.Do("key", "1")
	s.Await("it says so no more", said("Code porteur incorrect."))
	s.Do("key", "2", "3", "4", "Return")
	if got := testdesktop.Await(t, a.answer); got != (ask.Answer{PIN: "1234"}) {
		t.Errorf("%+v", got)
	}
}
