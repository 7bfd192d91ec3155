package prompt_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

const dialogTitle = "^CPx Bridge$"

var (
	site  = prompt.Caller{Origin: "https://portail.example.fr", Program: "firefox.exe"}
	gp    = prompt.Holder{Name: "Dr TEST Camille DÉMONSTRATION", Identifier: "810000000005", Profession: "Médecin", Kind: "CPS", NotAfter: "31/12/2027"}
	nurse = prompt.Holder{Name: "TEST Dominique ÉPREUVE", Identifier: "810000000013", Profession: "Infirmier", Kind: "CPE", NotAfter: "30/06/2027"}
)

// windows asks in a wine of the test's own.
type windows struct {
	*testdesktop.Screen
	wine    *winetest.Wine
	program string
}

// asking is a question that is being asked.
type asking struct {
	w      *windows
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    bytes.Buffer
	ready  chan struct{} // receives each time that the dialog begins to accept keys
	stands chan struct{} // receives each time that it asks nothing
	caps   chan string   // receives whether it says that Caps Lock is on, when that changes
	quiet  atomic.Int32  // how often it began to wait for quiet
}

func (w *windows) ask(q ask.Question) *asking {
	w.T.Helper()
	a := &asking{w: w, cmd: w.wine.Command(w.program), ready: make(chan struct{}, 100), stands: make(chan struct{}, 100), caps: make(chan string, 100)}
	var err error
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		w.T.Fatal(err)
	}
	a.cmd.Stdout = &a.out
	stderr, err := a.cmd.StderrPipe()
	if err != nil {
		w.T.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if strings.Contains(lines.Text(), "accepts keys") {
				a.ready <- struct{}{}
			}
			if _, on, ok := strings.Cut(lines.Text(), "Caps Lock is said\" on="); ok {
				a.caps <- on
			}
			if strings.Contains(lines.Text(), "asks nothing") {
				a.stands <- struct{}{}
			}
			if strings.Contains(lines.Text(), "waits for quiet") {
				a.quiet.Add(1)
			}
		}
	}()
	if err := json.NewEncoder(a.in).Encode(q); err != nil {
		w.T.Fatal(err)
	}
	return a
}

// window waits until the dialog is in front and accepts keys.
func (a *asking) window() string {
	a.w.T.Helper()
	testdesktop.Await(a.w.T, a.ready)
	id := a.w.Window(dialogTitle)
	a.w.InFront(id)
	return id
}

func (a *asking) answer() (got ask.Answer) {
	a.w.T.Helper()
	if err := a.cmd.Wait(); err != nil {
		a.w.T.Fatalf("%v\n%s", err, a.out.String())
	}
	if err := json.Unmarshal(a.out.Bytes(), &got); err != nil {
		a.w.T.Fatalf("%v: %q", err, a.out.String())
	}
	return got
}

// TestWindows drives Windows' dialogs with keys and the mouse.
func TestWindows(t *testing.T) {
	s := testdesktop.NewScreen(t)
	s.Manage()
	w := &windows{s, winetest.New(t, "DISPLAY="+s.Display), winetest.Build(t, "../../internal/lab/ask/program")}
	messages := winetest.BuildTest(t, ".")
	third := prompt.Holder{Name: "TEST <b>Alix</b> & \u202eESSAI " + strings.Repeat("très long ", 500), Identifier: "810000000021"}
	q := ask.Question{Lang: "fr", Caller: site, Holders: []prompt.Holder{gp, nurse, third}, Title: "CPx Bridge", Text: "Carte : présente"}
	// It also leaves something in the clipboard, for the keys below.
	t.Run("messages", func(t *testing.T) {
		s.T = t
		w.wine.RunTests(messages, "TestEntryRefuses", "TestEntryEdits", "TestEntryNotes", "TestEntryContinues", "TestEntryEarly",
			"TestEntryOnReader", "TestEntryWiped", "TestEntryCopies", "TestEntryEnds",
			"TestEntryShows", "TestEntrySaysEarly", "TestEntryAway", "TestEntryUnread")
	})
	for _, c := range []struct {
		kind string
		pin  prompt.PIN
		keys string
		want ask.Answer
	}{
		{"consent", prompt.PIN{}, "Return", ask.Answer{Error: "cancelled"}}, // Enter alone allows nothing
		{"consent", prompt.PIN{}, "Tab Return", ask.Answer{}},
		{"consent", prompt.PIN{}, "alt+a", ask.Answer{}},
		{"consent", prompt.PIN{}, "Escape", ask.Answer{Error: "cancelled"}},
		{"consent", prompt.PIN{}, "shift+Tab Return", ask.Answer{Error: "never"}},
		{"consent", prompt.PIN{}, "alt+j", ask.Answer{Error: "never"}},
		{"confirm", prompt.PIN{}, "Right space", ask.Answer{}},
		{"always", prompt.PIN{}, "Return", ask.Answer{Error: "cancelled"}},
		{"choose", prompt.PIN{}, "Down Return", ask.Answer{Row: 1}},
		{"choose", prompt.PIN{}, "End Return", ask.Answer{Row: 2}},
		{"choose", prompt.PIN{}, "Down Escape", ask.Answer{Error: "cancelled"}},
		{"pin", prompt.PIN{MaxLength: 4}, "1 2 percent 4 5 Return", ask.Answer{PIN: "12%4"}},
		{"pin", prompt.PIN{WrongPIN: true, FinalTry: true}, "9 space 8 exclam Return", ask.Answer{PIN: "9 8!"}},
		{"pin", prompt.PIN{}, "1 2 ctrl+v shift+Insert Menu 3 4 Return", ask.Answer{PIN: "1234"}}, // nothing is pasted
		{"pin", prompt.PIN{}, "1 2 Tab Return", ask.Answer{Error: "cancelled"}},
		{"pin", prompt.PIN{}, "1 2 Tab Tab Return", ask.Answer{PIN: "12"}},
		{"pin", prompt.PIN{}, "1 2 Tab Tab Tab End 3 4 Return", ask.Answer{PIN: "1234"}},
		{"pin", prompt.PIN{}, "1 2 alt+v", ask.Answer{PIN: "12"}},
		{"pin", prompt.PIN{}, "1 2 alt+a", ask.Answer{Error: "cancelled"}},
		{"pin", prompt.PIN{}, "1 2 Escape", ask.Answer{Error: "cancelled"}},
		{"pin", prompt.PIN{MinLength: 4, MaxLength: 8}, "Return 1 2 Return 3 4 Return", ask.Answer{PIN: "1234"}}, // no PIN of this card goes nowhere
		{"pin", prompt.PIN{}, "Return 1 2 Return", ask.Answer{PIN: "12"}},
		{"pin", prompt.PIN{PINPad: true}, "Escape", ask.Answer{Error: "cancelled"}},
		{"insert", prompt.PIN{}, "Return", ask.Answer{Error: "cancelled"}},
		{"notice", prompt.PIN{}, "Escape", ask.Answer{}},
	} {
		t.Run(c.kind+" "+c.keys, func(t *testing.T) {
			s.T = t
			q := q
			q.Kind, q.PIN = c.kind, c.pin
			a := w.ask(q)
			a.window()
			s.Do(append([]string{"key"}, strings.Fields(c.keys)...)...)
			if got := a.answer(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
	for _, kind := range []string{"consent", "choose", "pin", "insert"} {
		t.Run("ended "+kind, func(t *testing.T) {
			s.T = t
			q := q
			q.Kind = kind
			a := w.ask(q)
			a.window()
			if _, err := io.WriteString(a.in, "\n"); err != nil { // the page cancels
				t.Fatal(err)
			}
			if got := a.answer(); got != (ask.Answer{Error: "ended"}) {
				t.Errorf("got %+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
	t.Run("time is up", func(t *testing.T) {
		s.T = t
		q := q
		q.Kind, q.Seconds = "pin", 0.8
		if got := w.ask(q).answer(); got != (ask.Answer{Error: "timeout"}) {
			t.Errorf("got %+v", got)
		}
		s.Gone(dialogTitle)
	})
	t.Run("caps lock", func(t *testing.T) {
		s.T = t
		q := q
		q.Kind = "pin"
		a := w.ask(q)
		a.window()
		for _, want := range []string{"true", "false"} {
			s.Do("key", "Caps_Lock")
			if on := testdesktop.Await(t, a.caps); on != want {
				t.Errorf("it says %s, want %s", on, want)
			}
		}
		s.Do("key", "1", "2", "3", "4", "Return")
		if got := a.answer(); got != (ask.Answer{PIN: "1234"}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("one window", func(t *testing.T) { s.T = t; w.oneWindow(t, q) })
	t.Run("cancelled while nothing is asked", func(t *testing.T) {
		s.T = t
		q := q
		q.Kind, q.Then = "consent", []ask.Question{{}}
		a := w.ask(q)
		a.window()
		s.Do("key", "Tab", "Return")
		testdesktop.Await(t, a.stands)
		s.Do("key", "Return", "space", "1")
		s.Do("key", "Escape")
		if got := a.answer(); got != (ask.Answer{Error: "cancelled"}) {
			t.Errorf("got %+v", got)
		}
		s.Gone(dialogTitle)
	})
	// What is typed as the dialog opens was meant for the browser: it reaches nobody.
	t.Run("typed too early", func(t *testing.T) {
		s.T = t
		q := q
		q.Kind = "pin"
		a := w.ask(q)
		s.Window(dialogTitle)
		s.Do("key", "9", "9", "Return")
		if len(a.ready) > 0 {
			t.Fatal("the dialog accepted keys before these were typed: this shows nothing")
		}
		a.window()
		s.Do("key", "1", "2", "3", "4", "Return")
		if got := a.answer(); got != (ask.Answer{PIN: "1234"}) {
			t.Errorf("got %+v", got)
		}
		s.Gone(dialogTitle)
	})
	// A dialog that lost the keyboard accepts nothing until it has had it again for
	// its quiet time.
	t.Run("the keyboard comes back", func(t *testing.T) {
		s.T = t
		program := exec.Command(need.Program(t, "xev"))
		program.Env = append(os.Environ(), "DISPLAY="+s.Display)
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = program.Process.Kill(); _ = program.Wait() }()
		other := s.Window("^Event Tester$")
		q := q
		q.Kind = "consent"
		a := w.ask(q)
		window := a.window()
		s.Do("windowactivate", "--sync", other)
		s.Do("windowactivate", "--sync", window)
		testdesktop.Await(t, a.ready)
		s.InFront(window)
		s.Do("key", "Tab", "Return")
		if got := a.answer(); got != (ask.Answer{}) {
			t.Errorf("got %+v", got)
		}
		s.Gone(dialogTitle)
	})
	t.Run("double click", func(t *testing.T) {
		s.T = t
		q := q
		q.Kind = "choose"
		a := w.ask(q)
		window := a.window()
		s.Do("mousemove", "--window", window, "200", "190", "click", "--repeat", "2", "--delay", "40", "1")
		if got := a.answer(); got.Row != 1 || got.Error != "" {
			t.Errorf("got %+v", got)
		}
	})
}

// oneWindow plays a login: its questions stand in one window, one after the other, without a
// second wait for quiet, and a wrong PIN is asked for anew in it.
func (w *windows) oneWindow(t *testing.T, q ask.Question) {
	t.Helper()
	asks := func(kind string, pin prompt.PIN) ask.Question {
		next := q
		next.Kind, next.PIN = kind, pin
		return next
	}
	q.Kind = "consent"
	q.Then = []ask.Question{asks("choose", prompt.PIN{}), asks("pin", prompt.PIN{}), asks("pin", prompt.PIN{WrongPIN: true, FinalTry: true})}
	a := w.ask(q)
	first := a.window()
	waited := a.quiet.Load()
	for _, keys := range []string{"Tab Return", "Down Return", "9 9 Return", "1 2 3 4 Return"} {
		if keys != "Tab Return" {
			testdesktop.Await(t, a.ready)
		}
		if now := w.Find(dialogTitle); now != first {
			t.Errorf("before %s another window stands", keys)
		}
		w.Do(append([]string{"key"}, strings.Fields(keys)...)...)
	}
	if got := a.answer(); got != (ask.Answer{PIN: "1234"}) {
		t.Errorf("got %+v", got)
	}
	if now := a.quiet.Load(); now != waited || waited == 0 {
		t.Errorf("it waited for quiet %d times, and %d times before the first answer", now, waited)
	}
	w.Gone(dialogTitle)
}
