package window

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// reader starts a screen that a screen reader can read.
func reader(t *testing.T) (*testdesktop.Screen, *testdesktop.Reader) {
	t.Helper()
	s := screen(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // the accessibility bus has its socket there
	bus := testdesktop.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	r := testdesktop.NewReader(t, bus)
	testdesktop.ScreenReader(t, bus)
	return s, r
}

// read lists what a person can read or use, in its order.
func read(window testdesktop.Thing) (list []string) {
	inRow := false
	for _, thing := range window.All() {
		switch thing.Role {
		case "list item":
			inRow = true // its labels repeat its name
		case "push button", "list box":
			inRow = false
		}
		if thing.Role == "label" && inRow || thing.Role == "redundant object" || strings.HasPrefix(thing.Role, "scroll") ||
			thing.Role == "alert" && !thing.Is(testdesktop.StateShowing) {
			continue
		}
		if thing.Name != "" || thing.Is(testdesktop.StateFocusable) {
			list = append(list, thing.Role+": "+thing.Name)
		}
	}
	return list
}

func focused(window testdesktop.Thing) string {
	for _, thing := range window.All() {
		if thing.Is(testdesktop.StateFocused) {
			return thing.Role + ": " + thing.Name
		}
	}
	return ""
}

// says reports whether a window shows that text now, as a thing of that role, "" for any.
func says(window testdesktop.Thing, text, role string) bool {
	return slices.ContainsFunc(window.All(), func(x testdesktop.Thing) bool {
		return x.Name == text && (role == "" || x.Role == role) && x.Is(testdesktop.StateShowing)
	})
}

// dialogSays is says of the dialog, for which it waits.
func dialogSays(r *testdesktop.Reader, text, role string) bool {
	return says(r.Window(func(w testdesktop.Thing) bool { return w.Role == "dialog" }), text, role)
}

// TestScreenReader: each window reads everything in the right order, the focus is on
// a safe control, and every usable control has a name.
func TestScreenReader(t *testing.T) {
	s, r := reader(t)
	asks := []string{"label: Identification demandée par le site", "label: https://portail.example.fr", "label: depuis le programme firefox-esr"}
	card := []string{"label: Carte de Dr TEST Camille DÉMONSTRATION", "label: Médecin · CPS · 810000000005 · expire le 31/12/2027"}
	all := map[string]struct {
		reads []string
		focus string
		said  []string // with the entry
	}{
		"consent": {append(slices.Clone(asks),
			"label: Pour cette fois, autorisez-vous ce site à utiliser votre carte afin de vous identifier\u00a0?",
			"label: «\u00a0Jamais pour ce site\u00a0» vaut pour tout le domaine example.fr.",
			"push button: Jamais pour ce site", "push button: Refuser", "push button: Autoriser"), "push button: Refuser", nil},
		"confirm": {append(slices.Concat(asks, card),
			"label: Votre carte est déjà déverrouillée. Pour cette fois, autorisez-vous ce site à l’utiliser afin de vous identifier\u00a0?",
			"push button: Refuser", "push button: Autoriser"), "push button: Refuser", nil},
		"always": {append(slices.Clone(asks),
			"label: Autoriser désormais ce site à utiliser votre carte à chaque fois, sans vous demander votre accord\u00a0? Votre code porteur, lui, vous sera toujours demandé.",
			"push button: Demander à chaque fois", "push button: Toujours autoriser"), "push button: Demander à chaque fois", nil},
		"choose": {append(slices.Clone(asks),
			"label: Quel certificat utiliser\u00a0?", "list box: Quel certificat utiliser\u00a0?",
			"list item: Dr TEST Camille DÉMONSTRATION, Médecin, CPS, 810000000005, expire le 31/12/2027",
			"list item: TEST Dominique ÉPREUVE, Infirmier, CPE, 810000000013, expire le 30/06/2027",
			"list item: TEST Alix ESSAI, Pharmacien, CPS, 810000000021, expire le 01/02/2028",
			"push button: Annuler", "push button: Utiliser"), "list item: Dr TEST Camille DÉMONSTRATION, Médecin, CPS, 810000000005, expire le 31/12/2027", nil},
		"insert": {append(slices.Clone(asks),
			"label: Insérez votre carte dans le lecteur. Cette fenêtre se fermera d’elle-même.", "push button: Annuler"), "push button: Annuler", nil},
		"connect": {append(slices.Clone(asks),
			"label: Aucun lecteur de cartes n’est détecté. Branchez le lecteur et insérez-y votre carte. Cette fenêtre se fermera d’elle-même.",
			"push button: Annuler"), "push button: Annuler", nil},
		"pad": {append(slices.Concat(asks, card),
			"label: Code porteur incorrect.", "label: Saisissez votre code porteur sur le clavier du lecteur.",
			"alert: Attention\u00a0: dernier essai avant le blocage de la carte.", "push button: Annuler"), "push button: Annuler", nil},
		"pin": {append(slices.Concat(asks, card),
			"label: Code porteur\u00a0:", "password text: Code porteur\u00a0:", "push button: Annuler", "push button: Valider"), "password text: Code porteur\u00a0:", nil},
		"pin wrong": {append(slices.Concat(asks, card), "label: Code porteur\u00a0:", "password text: Code porteur\u00a0:",
			"alert: Code porteur incorrect.", "push button: Annuler", "push button: Valider"), "password text: Code porteur\u00a0:",
			[]string{"Code porteur incorrect."}},
		"pin final": {append(slices.Concat(asks, card),
			"alert: Attention\u00a0: dernier essai avant le blocage de la carte.", "label: Code porteur\u00a0:", "password text: Code porteur\u00a0:",
			"alert: Code porteur incorrect.", "push button: Annuler", "push button: Valider"), "password text: Code porteur\u00a0:",
			[]string{"Code porteur incorrect.", "Attention\u00a0: dernier essai avant le blocage de la carte."}},
		"notice": {[]string{"text: CPx Bridge", "push button: Copier", "push button: Fermer"}, "text: CPx Bridge", nil},
	}
	for _, kind := range ask.Kinds {
		if _, known := all[kind]; !known {
			t.Errorf("%s is not tested", kind)
		}
	}
	for kind, want := range all {
		t.Run(kind, func(t *testing.T) {
			s.T, r.T = t, t
			q := question(kind, "fr")
			if kind == "pad" {
				q.PIN.WrongPIN, q.PIN.FinalTry = true, true
			}
			a := begin(t.Context(), dialogs(), q)
			s.Ready(dialogTitle)
			window := r.Window(func(w testdesktop.Thing) bool {
				return w.Role == "dialog" && w.Name == "CPx Bridge" && focused(w) != ""
			})
			if got := read(window)[1:]; !slices.Equal(got, want.reads) {
				t.Errorf("it reads\n%s\nwant\n%s\n\n%s", strings.Join(got, "\n"), strings.Join(want.reads, "\n"), window.Outline())
			}
			if got := focused(window); got != want.focus {
				t.Errorf("the focus is on %q", got)
			}
			if kind != "notice" && !strings.Contains(window.Description, site.Origin) {
				t.Errorf("when it opens, it reads %q", window.Description)
			}
			for _, thing := range window.All() {
				if thing.Role == "password text" {
					if !slices.Equal(thing.Relations[testdesktop.Labelled], []string{"Code porteur\u00a0:"}) {
						t.Errorf("the entry is labelled by %q", thing.Relations[testdesktop.Labelled])
					}
					if want := strings.Join(want.said, "\n"); thing.Description != want {
						t.Errorf("with the entry it reads %q, want %q", thing.Description, want)
					}
				}
				if thing.Role == "list box" && !slices.Equal(thing.Relations[testdesktop.Labelled], []string{"Quel certificat utiliser\u00a0?"}) {
					t.Errorf("the list is labelled by %q", thing.Relations[testdesktop.Labelled])
				}
			}
			a.cancel()
			<-a.answer
			s.Gone(dialogTitle)
		})
	}
}

// TestScreenReaderOnEntry: of what is typed a screen reader gets dots, as many as there are
// characters, and why Enter sends nothing, as an alert and with the entry. No program
// writes into the entry by its bus.
func TestScreenReaderOnEntry(t *testing.T) {
	s, r := reader(t)
	s.Manage()
	a, _ := inFront(t.Context(), s, dialogs(), question("pin", "fr"))
	const tooShort = "Le code porteur compte de 4 à 8 caractères. Rien n’a été envoyé à la carte."
	s.Do("key", "7", "3", "Return")
	var entry testdesktop.Thing
	r.Window(func(w testdesktop.Thing) bool {
		alert := false
		for _, thing := range w.All() {
			alert = alert || thing.Role == "alert" && thing.Name == tooShort && thing.Is(testdesktop.StateShowing)
			if thing.Role == "password text" {
				entry = thing
			}
		}
		return alert && entry.Description == tooShort
	})
	dots := r.Text(entry)
	if len([]rune(dots)) != 2 || strings.ContainsAny(dots, "73") {
		t.Errorf("a screen reader gets %q", dots)
	}
	r.Insert(entry, "99")
	s.Do("key", "End", "9", "5", "Return") // it may have moved the cursor
	if got := testdesktop.Await(t, a.answer); got != typed("7395") {
		t.Errorf("%+v", got)
	}
}

// TestScreenReaderOnHostileTexts: names are read as on the card, without invisible
// characters, and never as markup.
func TestScreenReaderOnHostileTexts(t *testing.T) {
	s, r := reader(t)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			s.T, r.T = t, t
			q := question("choose", "fr")
			q.Holders = []prompt.Holder{{Name: text, Profession: text + "2", Identifier: text + "3"}}
			q.Caller.Origin = "https://" + strings.Repeat("banque.", 50) + "attaque.example.fr:8443"
			a := begin(t.Context(), dialogs(), q)
			s.Ready(dialogTitle)
			window := r.Window(func(w testdesktop.Thing) bool { return w.Name == "CPx Bridge" && focused(w) != "" })
			origin, row := "", ""
			for _, thing := range window.All() {
				if strings.HasPrefix(thing.Name, "https://") {
					origin = thing.Name
				}
				if thing.Role == "list item" {
					row = thing.Name
				}
				for _, hidden := range thing.Name {
					if !unicode.IsPrint(hidden) && hidden != '\u00a0' {
						t.Errorf("%U in %q", hidden, thing.Name)
					}
				}
				if len([]rune(thing.Name)) > 400 {
					t.Errorf("%d characters", len([]rune(thing.Name)))
				}
			}
			if !strings.HasSuffix(origin, "attaque.example.fr:8443") {
				t.Errorf("the site is shown as %q", origin)
			}
			if name == "markup" && !strings.HasPrefix(row, text) || name == "underscore" && !strings.HasPrefix(row, text) || row == "" {
				t.Errorf("the row is %q", row)
			}
			a.cancel()
			<-a.answer
			s.Gone(dialogTitle)
		})
	}
}

// TestScreenReaderOnPIN: what a screen reader reads of the pinentry programs. Their
// own limits are in docs/accessibility.md; Qt's is left out, because it does not
// always find the accessibility bus.
func TestScreenReaderOnPIN(t *testing.T) {
	s, r := reader(t)
	for _, program := range []string{"pinentry-gnome3", "pinentry-gtk-2"} {
		t.Run(program, func(t *testing.T) {
			s.T, r.T = t, t
			q := question("pin", "fr")
			q.PIN = prompt.PIN{WrongPIN: true, FinalTry: true}
			a := begin(t.Context(), through(t, program), q)
			s.Window(dialogTitle)
			window := r.Window(func(w testdesktop.Thing) bool {
				return w.Name == "CPx Bridge" && strings.Contains(w.Outline(), "Valider") && focused(w) != ""
			})
			if got := focused(window); !strings.HasPrefix(got, "password text:") {
				t.Errorf("the focus is on %q:\n%s", got, window.Outline())
			}
			all := window.Outline()
			for _, text := range []string{site.Origin, holders[0].Name, "Code porteur incorrect.", "dernier essai", "Code porteur\\u00a0:", `"Annuler"`, `"Valider"`} {
				if !strings.Contains(all, text) {
					t.Errorf("no %q in\n%s", text, all)
				}
			}
			a.cancel()
			<-a.answer
			s.Gone(dialogTitle)
		})
	}
}
