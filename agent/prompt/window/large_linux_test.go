package window

import (
	"image"
	"reflect"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestLargeLetters: with letters, or everything, at 200 %, and in high contrast, no part
// of a window is below the end of a small screen, whatever it has to say, also once it says
// more than when it opened; and it works.
func TestLargeLetters(t *testing.T) {
	s := testdesktop.NewScreenOf(t, "1366x768")
	uses(t, s)
	s.Manage()
	for name, env := range map[string]map[string]string{
		"usual":               {},
		"letters at 200 %":    {"GDK_DPI_SCALE": "2"},
		"everything at 200 %": {"GDK_SCALE": "2"},
		"high contrast":       {"GDK_DPI_SCALE": "2", "GTK_THEME": "HighContrast"},
	} {
		for _, kind := range []string{"consent", "choose", "pin final"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				s.T = t
				for variable, value := range env {
					t.Setenv(variable, value)
				}
				q := question(kind, "fr")
				q.Caller.Origin = "https://une-adresse-assez-longue.portail-de-sante.example.fr:8443"
				q.Holders = slices.Clone(q.Holders)
				q.Holders[0].Renew, q.PIN.Unsure = true, true
				a, window := inFront(t.Context(), s, dialogs(), q)
				within := func(when string) {
					t.Helper()
					s.Await(when+" it is within the screen", func() bool { return s.Frame(window).In(image.Rect(0, 0, 1366, 768)) })
				}
				within("as it opens")
				if kind == "pin final" {
					_, before := s.Size(window)
					s.Do("key", "1", "Return")            // too short, which it says in more lines
					full := name == "everything at 200 %" // it has the screen's height already
					s.Await("it says so", func() bool { _, height := s.Size(window); return full || height != before })
					within("then")
					s.Do("key", "2", "3", "4", "Return")
				} else {
					s.Do("key", "Escape")
				}
				want := cancelled
				if kind == "pin final" {
					want = typed("1234")
				}
				if got := testdesktop.Await(t, a.answer); got != want {
					t.Errorf("%+v", got)
				}
				s.Gone(dialogTitle)
			})
		}
	}
}

// TestLargeChoice: with letters at 200 % two certificates of one person, which differ in the
// last digit of their identifiers, have different pictures.
func TestLargeChoice(t *testing.T) {
	s := testdesktop.NewScreenOf(t, "1366x768")
	uses(t, s)
	s.Manage()
	t.Setenv("GDK_DPI_SCALE", "2")
	s.Do("mousemove", "0", "0") // no tip covers anything
	pictureOf := func(identifier string) image.Image {
		q := question("choose", "fr")
		q.Holders = slices.Clone(q.Holders[:2])
		q.Holders[1].Profession, q.Holders[1].Identifier = "Chirurgien-dentiste, chirurgie orale", identifier
		a := begin(t.Context(), dialogs(), q)
		window := s.Ready(dialogTitle)
		s.InFront(window)
		picture := s.Picture(window)
		a.cancel()
		testdesktop.Await(t, a.answer)
		s.Gone(dialogTitle)
		return picture
	}
	first := pictureOf("810000000013")
	if !reflect.DeepEqual(first, pictureOf("810000000013")) {
		t.Fatal("one question has two pictures")
	}
	if reflect.DeepEqual(first, pictureOf("810000000014")) {
		t.Error("the picture does not tell which certificate it is")
	}
}
