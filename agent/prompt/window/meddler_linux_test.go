package window

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// thing waits for an object of our window on the accessibility bus. Without a name any of
// that role will do.
func thing(r *testdesktop.Reader, role, name string) (found testdesktop.Thing) {
	r.T.Helper()
	r.Window(func(w testdesktop.Thing) bool {
		for _, t := range w.All() {
			if t.Role == role && (name == "" || t.Name == name) {
				found = t
				return w.Name == "CPx Bridge"
			}
		}
		return false
	})
	return found
}

// heard is what a listener has got up to a key that it does get.
func heard(t *testing.T, l *testdesktop.KeyListener, last string) (all string) {
	t.Helper()
	for {
		key := testdesktop.Await(t, l.Got)
		all += key
		if key == last {
			return all
		}
	}
}

// TestNoListenerGetsThePIN: of the keys of a PIN the accessibility bus hands none to
// another program, and none can be taken away by one. It gets the others.
func TestNoListenerGetsThePIN(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	l := r.Listen("4")
	a, _ := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	s.Do("key", "1", "2", "5", "4", "BackSpace", "4", "3", "6", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("125436") {
		t.Errorf("%+v", got)
	}
	s.Gone(dialogTitle)
	a, _ = inFront(t.Context(), s, dialogs(), question("consent", "fr"))
	s.Do("key", "x", "Escape")
	testdesktop.Await(t, a.answer)
	if got := heard(t, l, "x"); strings.ContainsAny(got, "123456") {
		t.Errorf("another program got %q", got)
	}
}

// TestWaylandNoListenerGetsThePIN is TestNoListenerGetsThePIN without any X.
func TestWaylandNoListenerGetsThePIN(t *testing.T) {
	w, r := wayland(t)
	l := r.Listen("4")
	a := begin(t.Context(), dialogs(), question("pin", "fr"))
	waylandReady(w, r)
	w.Key("1", "2", "5", "4", "3", "6", "Return")
	if got := testdesktop.Await(t, a.answer); got != typed("125436") {
		t.Errorf("%+v", got)
	}
	a = begin(t.Context(), dialogs(), question("consent", "fr"))
	waylandReady(w, r)
	w.Key("x", "Escape")
	testdesktop.Await(t, a.answer)
	if got := heard(t, l, "x"); strings.ContainsAny(got, "123456") {
		t.Errorf("another program got %q", got)
	}
}

// TestNoProgramAnswers: by the accessibility bus another program presses no button that
// allows, refuses for good or sends a PIN, neither before nor after the quiet time. It may
// cancel.
func TestNoProgramAnswers(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	for _, c := range []struct{ kind, role, name string }{
		{"consent", "push button", "Autoriser"},
		{"consent", "push button", "Jamais pour ce site"},
		{"confirm", "push button", "Autoriser"},
		{"always", "push button", "Toujours autoriser"},
		{"choose", "push button", "Utiliser"},
		{"pin", "push button", "Valider"},
		{"pin", "password text", ""},
	} {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			s.T, r.T = t, t
			a := begin(t.Context(), dialogs(), question(c.kind, "fr"))
			r.Call(thing(r, c.role, c.name), "Action.DoAction", int32(0))
			s.InFront(s.Ready(dialogTitle))
			want := cancelled
			if c.kind == "pin" {
				s.Do("key", "1", "2", "4", "3")
				dots(r, 4)
			}
			r.Call(thing(r, c.role, c.name), "Action.DoAction", int32(0))
			if c.kind == "pin" {
				s.Do("key", "7", "Return")
				want = typed("12437")
			} else {
				s.Do("key", "Escape")
			}
			if got := testdesktop.Await(t, a.answer); got != want {
				t.Errorf("%+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
	r.T = t
	a := begin(t.Context(), dialogs(), question("pin", "fr"))
	r.Call(thing(r, "push button", "Annuler"), "Action.DoAction", int32(0))
	if got := testdesktop.Await(t, a.answer); got != cancelled {
		t.Errorf("%+v", got)
	}
}

// dots waits until so many characters are in the entry.
func dots(r *testdesktop.Reader, count int) testdesktop.Thing {
	r.T.Helper()
	entry := thing(r, "password text", "")
	for len([]rune(r.Text(entry))) != count {
		r.T.Context() // each look asks the window
	}
	return entry
}

// TestNoProgramMeddles: by the accessibility bus another program neither takes a digit
// of a PIN away, nor has the next ones come elsewhere among those before.
func TestNoProgramMeddles(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	for name, meddle := range map[string]func(entry testdesktop.Thing){
		"delete": func(entry testdesktop.Thing) { r.Call(entry, "EditableText.DeleteText", int32(0), int32(1)) },
		"write":  func(entry testdesktop.Thing) { r.Call(entry, "EditableText.SetTextContents", "99") },
		"cursor": func(entry testdesktop.Thing) { r.Call(entry, "Text.SetCaretOffset", int32(0)) },
		"select": func(entry testdesktop.Thing) {
			r.Call(entry, "Text.AddSelection", int32(0), int32(2))
			r.Call(entry, "Text.SetSelection", int32(0), int32(0), int32(2))
		},
		"focus": func(testdesktop.Thing) { r.Call(thing(r, "push button", "Annuler"), "Component.GrabFocus") },
		"focus again": func(entry testdesktop.Thing) {
			r.Call(thing(r, "push button", "Annuler"), "Component.GrabFocus")
			r.Call(entry, "Component.GrabFocus") // selects all of it
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.T, r.T = t, t
			a, _ := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
			s.Do("key", "1", "2")
			meddle(dots(r, 2))
			s.Do("key", "4", "3", "Return")
			if got := testdesktop.Await(t, a.answer); got != typed("1243") {
				t.Errorf("%+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestNoProgramMovesTheAnswer: by the accessibility bus another program brings neither
// Enter to the button that allows, nor another certificate under it.
func TestNoProgramMovesTheAnswer(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	for _, c := range []struct {
		kind, keys string
		meddle     func()
		want       ask.Answer
	}{
		{"consent", "Return", func() { r.Call(thing(r, "push button", "Autoriser"), "Component.GrabFocus") }, cancelled},
		{"choose", "Return", func() { r.Call(thing(r, "list box", ""), "Selection.SelectChild", int32(2)) }, ask.Answer{Row: 0}},
		{"choose", "alt+u", func() { r.Call(thing(r, "list box", ""), "Selection.SelectChild", int32(2)) }, ask.Answer{Row: 0}},
	} {
		t.Run(c.kind+" "+c.keys, func(t *testing.T) {
			s.T, r.T = t, t
			a, _ := inFront(t.Context(), s, dialogs(), question(c.kind, "fr"))
			c.meddle()
			s.Do("key", c.keys)
			if got := testdesktop.Await(t, a.answer); got != c.want {
				t.Errorf("%+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
}
