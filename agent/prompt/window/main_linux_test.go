package window

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// askRole makes this program an agent that asks one question of the named kind.
const askRole = "CPX_TEST_ASK"

// programVariable names that agent's pinentry program, "" for none.
const programVariable = "CPX_TEST_PINENTRY"

func TestMain(m *testing.M) {
	RunChildRole()
	if kind := os.Getenv(askRole); kind != "" {
		asker := prompt.New(prompt.Options{Program: os.Getenv(programVariable), Window: Command()})
		ask.Put(context.Background(), asker, question(kind, "fr"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const dialogTitle = "^CPx Bridge$"

var (
	site    = prompt.Caller{Origin: "https://portail.example.fr", Program: "firefox-esr"}
	holders = []prompt.Holder{
		{Name: "Dr TEST Camille DÉMONSTRATION", Identifier: "810000000005", Profession: "Médecin", Kind: "CPS", NotAfter: "31/12/2027"},
		{Name: "TEST Dominique ÉPREUVE", Identifier: "810000000013", Profession: "Infirmier", Kind: "CPE", NotAfter: "30/06/2027"},
		{Name: "TEST Alix ESSAI", Identifier: "810000000021", Profession: "Pharmacien", Kind: "CPS", NotAfter: "01/02/2028"},
	}
)

// question is a question of that kind, with all other fields set.
func question(kind, lang string) ask.Question {
	q := ask.Question{Kind: kind, Lang: lang, Caller: site, Holders: holders, Title: "CPx Bridge", Text: "Lecteurs : 1\nCarte : présente"}
	q.PIN = prompt.PIN{MinLength: 4, MaxLength: 8}
	switch kind {
	case "pad":
		q.Kind, q.PIN.PINPad = "pin", true
	case "pin wrong":
		q.Kind, q.PIN.WrongPIN = "pin", true
	case "pin final":
		q.Kind, q.PIN.WrongPIN, q.PIN.FinalTry = "pin", true, true
	}
	return q
}

// screen starts a screen of the test's own and makes it this program's display.
func screen(t *testing.T) *testdesktop.Screen {
	t.Helper()
	s := testdesktop.NewScreen(t)
	uses(t, s)
	return s
}

// uses makes a screen this program's display.
func uses(t *testing.T, s *testdesktop.Screen) {
	t.Helper()
	t.Setenv("DISPLAY", s.Display)
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("LC_ALL", "C.UTF-8")
}

// asked is a question that is being asked.
type asked struct {
	cancel context.CancelFunc
	answer chan ask.Answer
}

func begin(ctx context.Context, p prompt.Prompter, q ask.Question) asked {
	ctx, cancel := context.WithCancel(ctx)
	a := asked{cancel, make(chan ask.Answer, 1)}
	go func() {
		defer cancel()
		a.answer <- ask.Put(ctx, p, q)
	}()
	return a
}

// inFront begins a question, and returns once its window accepts keys and has the keyboard.
func inFront(ctx context.Context, s *testdesktop.Screen, p prompt.Prompter, q ask.Question) (a asked, window string) {
	s.T.Helper()
	a = begin(ctx, p, q)
	window = s.Ready(dialogTitle)
	s.InFront(window)
	return a, window
}

// consented begins a login with the question of consent, to which the person says yes, and
// returns the window, which stands.
func consented(ctx context.Context, s *testdesktop.Screen, login prompt.Prompter) (window string) {
	s.T.Helper()
	a, window := inFront(ctx, s, login, question("consent", "fr"))
	s.Do("key", "Tab", "Return")
	if got := testdesktop.Await(s.T, a.answer); got != yes {
		s.T.Fatalf("%+v", got)
	}
	return window
}

// endsWithContext puts a question that its page cancels, and one whose time is up: each time
// the error says so, and the window goes. stands and gone wait for that.
func endsWithContext(t *testing.T, kind string, stands, gone func()) {
	t.Helper()
	a := begin(t.Context(), dialogs(), question(kind, "fr"))
	stands()
	a.cancel()
	if got := testdesktop.Await(t, a.answer); got.Error != "ended" {
		t.Errorf("cancelled by the page: %+v", got)
	}
	gone()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := testdesktop.Await(t, begin(ctx, dialogs(), question(kind, "fr")).answer); got.Error != "timeout" {
		t.Errorf("time is up: %+v", got)
	}
	gone()
}

func dialogs() prompt.Prompter { return prompt.New(prompt.Options{Window: Command()}) }
