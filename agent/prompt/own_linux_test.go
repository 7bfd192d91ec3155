package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestBadWindow: a bad answer of a window's process counts as none.
func TestBadWindow(t *testing.T) {
	t.Setenv("DISPLAY", ":65000") // none of these shows anything
	r := questionsIn("fr").askChoice(site, []Holder{gp, nurse})
	for name, c := range map[string]struct {
		script string
		row    int
		err    error
	}{
		"answers":        {`echo '{"id":1,"answer":"ok","row":1}'`, 1, nil},
		"cancels":        {`echo '{"id":1,"answer":"cancel"}'`, 0, ErrCancelled},
		"no such row":    {`echo '{"id":1,"answer":"ok","row":2}'`, 0, ErrUnavailable},
		"row before all": {`echo '{"id":1,"answer":"ok","row":-1}'`, 0, ErrUnavailable},
		"not offered":    {`echo '{"id":1,"answer":"never"}'`, 0, ErrUnavailable},
		"no such answer": {`echo '{"id":1,"answer":"yes"}'`, 0, ErrUnavailable},
		"nonsense":       {`echo nonsense`, 0, ErrUnavailable},
		"another one's":  {`echo '{"id":2,"answer":"ok","row":1}'`, 0, ErrUnavailable},
		"of before":      {`echo '{"id":0,"answer":"ok","row":0}'; echo '{"id":1,"answer":"ok","row":1}'`, 1, nil},
		"with a PIN":     {`echo '{"id":1,"answer":"ok","row":1,"length":4}'; printf 1234`, 0, ErrUnavailable},
		"without end":    {`yes | tr -d '\n'`, 0, ErrUnavailable},
		"silent":         {`exit 3`, 0, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			row, err := window{command: []string{"/bin/sh", "-c", "read question; " + c.script}}.show(t.Context(), r)
			if row != c.row || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("row %d, %v", row, err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (window{command: []string{"/bin/sh", "-c", "sleep 1000"}}).show(ctx, r); !errors.Is(err, ErrTimeout) {
		t.Errorf("hangs: %v", err)
	}
	if _, err := (window{}).show(t.Context(), r); !errors.Is(err, ErrUnavailable) {
		t.Errorf("none: %v", err)
	}
}

// TestProgramAsksAll: where the settings name a pinentry program, it asks
// everything.
func TestProgramAsksAll(t *testing.T) {
	t.Setenv("DISPLAY", ":65000")
	p, log := answering(t, map[string]any{"confirm": []string{"ok"}, "insert": "cancel"})
	asker := New(Options{Program: p.program, Window: []string{"/bin/false"}})
	if err := errors.Join(asker.Consent(t.Context(), "fr", site), asker.Always(t.Context(), "fr", site), asker.Show(t.Context(), "fr", "Titre", "ligne 1\nligne 2")); err != nil {
		t.Error(err)
	}
	for _, want := range []string{texts.In("fr").Text("dialog.consent"), texts.In("fr").Text("dialog.always"), "SETTITLE Titre\n", "ligne 1\nligne 2"} {
		if !strings.Contains(log(), want) {
			t.Errorf("no %q in\n%s", want, log())
		}
	}
}

// TestProgramThatDefaultsToYes: a program in the settings that accepts Enter as yes
// asks only for the PIN. Where no window of ours can be shown, a question that no PIN
// follows is not asked at all.
func TestProgramThatDefaultsToYes(t *testing.T) {
	t.Setenv("DISPLAY", ":65000")
	p, log := answering(t, map[string]any{"confirm": []string{"ok", "ok"}, "pin": []string{"1234"}})
	program := p.program + "-gnome3"
	if err := errors.Join(os.Rename(p.program, program), os.Rename(p.program+".json", program+".json")); err != nil {
		t.Fatal(err)
	}
	const answers = `read question; case "$question" in *passes*) echo '{"id":1,"answer":"ok"}' ;; *) echo '{"id":1,"answer":"cancel"}' ;; esac`
	asker := New(Options{Program: program, Window: []string{"/bin/sh", "-c", answers}})
	for name, err := range map[string]error{"consent": asker.Consent(t.Context(), "fr", site), "confirm": asker.Confirm(t.Context(), "fr", site, gp)} {
		if !errors.Is(err, ErrCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pin, err := asker.PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp}); err != nil || string(pin) != "1234" {
		t.Errorf("%q, %v", pin, err)
	}
	if text := log(); strings.Contains(text, "CONFIRM") || !strings.Contains(text, "GETPIN") {
		t.Errorf("it asked a yes-or-no question:\n%s", text)
	}
	asker = New(Options{Program: program, Window: []string{"/bin/false"}})
	if err := asker.Confirm(t.Context(), "fr", site, gp); !errors.Is(err, ErrUnavailable) {
		t.Errorf("confirm without a window: %v", err)
	}
}

// dying is the input of a window's process that answers a question and dies at once.
type dying struct {
	answer string
	out    *io.PipeWriter
	dead   chan struct{}
}

func (d *dying) Write(request []byte) (int, error) {
	_, err := d.out.Write([]byte(d.answer + "\n"))
	_ = d.out.Close()
	<-d.dead
	return len(request), err
}

func (d *dying) Close() error { return nil }

// TestAnswersAndDies: the answer of a window that dies right after it counts each time, and
// nobody is asked again by another program.
func TestAnswersAndDies(t *testing.T) {
	for range 50 {
		r, w := io.Pipe()
		input := &dying{`{"id":1,"answer":"cancel"}`, w, make(chan struct{})}
		p := &windowProcess{running: &running{stdin: input, stdout: r, end: func() {}}, answers: make(chan answered, 1), dead: input.dead}
		go p.read()
		l := &talk{process: p, ctx: t.Context()}
		if got, err := l.answerOf(t.Context(), dialog.Request{Buttons: []dialog.Button{{Answer: dialog.Cancel}}}); err != nil || got.Answer.Answer != dialog.Cancel {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

// none is a window that cannot be shown.
func none(context.Context, dialog.Request, int) ([]byte, error) { return nil, ErrUnavailable }

// TestAwaitQuiet: before pinentry gets the keyboard, a window of ours is open until
// nobody types. It is left out once after a yes to the same site, and after a wrong
// entry.
func TestAwaitQuiet(t *testing.T) {
	t.Setenv("DISPLAY", ":65000")
	for name, c := range map[string]struct {
		window error
		before func(d *desktop)
		pin    PIN
		shown  int
		err    error
		stands bool
	}{
		"quiet":                                {nil, nil, PIN{}, 1, nil, false},
		"just allowed in a window that stands": {shown: 1, before: func(d *desktop) { d.note(site, nil) }, stands: true},
		"closed":                               {ErrCancelled, nil, PIN{}, 1, ErrCancelled, false},
		"no such window":                       {ErrUnavailable, nil, PIN{}, 1, nil, false},
		"page closed":                          {context.Canceled, nil, PIN{}, 1, context.Canceled, false},
		"just allowed":                         {nil, func(d *desktop) { d.note(site, nil) }, PIN{}, 0, nil, false},
		"just refused":                         {nil, func(d *desktop) { d.note(site, ErrCancelled) }, PIN{}, 1, nil, false},
		"another site allowed":                 {nil, func(d *desktop) { d.note(Caller{Origin: "https://autre.example.fr"}, nil) }, PIN{}, 1, nil, false},
		"allowed and used":                     {nil, func(d *desktop) { d.note(site, nil); d.awaited(PIN{Caller: site}) }, PIN{}, 1, nil, false},
		"allowed a while ago":                  {nil, func(d *desktop) { d.note(site, nil); d.yes.at = time.Now().Add(-justAnswered) }, PIN{}, 1, nil, false},
		"after a wrong PIN":                    {nil, nil, PIN{WrongPIN: true}, 0, nil, false},
		"after a wrong length":                 {nil, nil, PIN{LengthHint: true}, 0, nil, false},
		"replaced after a wrong PIN":           {nil, nil, PIN{WrongPIN: true, Replaced: true}, 1, nil, false},
		"replaced after a wrong length":        {nil, nil, PIN{LengthHint: true, Replaced: true}, 1, nil, false},
		"replaced, just allowed":               {nil, func(d *desktop) { d.note(site, nil) }, PIN{Replaced: true}, 1, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := answering(t, map[string]any{"pin": []string{"1234"}})
			asked := func() bool {
				_, err := os.Stat(filepath.Join(filepath.Dir(p.program), "log"))
				return err == nil
			}
			var shownThen []dialog.Request
			d := &desktop{log: slog.New(slog.DiscardHandler), hide: func() {}, stands: func() bool { return c.stands }, yes: &lastYes{}, own: platform{pin: none, show: func(_ context.Context, r dialog.Request) (int, error) {
				if asked() {
					t.Error("shown after pinentry")
				}
				shownThen = append(shownThen, r)
				return 0, c.window
			}}}
			d.pinentry = &Pinentry{log: d.log} // found on PATH, as without a setting
			t.Setenv("PATH", pathWith(t, p.program, "pinentry-qt"))
			if c.before != nil {
				c.before(d)
			}
			c.pin.Caller, c.pin.Holder = site, gp
			pin, err := d.PIN(t.Context(), "fr", c.pin)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || (string(pin) == "1234") != (c.err == nil) {
				t.Errorf("%q, %v", pin, err)
			}
			if len(shownThen) != c.shown {
				t.Errorf("%d windows", len(shownThen))
			}
			for _, r := range shownThen {
				if !r.Passes || r.Quiet == 0 || r.Origin != site.Origin || len(r.Buttons) > 0 {
					t.Errorf("%+v", r)
				}
			}
			if asked() != (c.err == nil) {
				t.Errorf("pinentry started: %t", asked())
			}
			if d.awaited(PIN{Caller: site}) {
				t.Error("the PIN itself counts as a yes")
			}
		})
	}
}

// TestReplacesPIN: a PIN dialog is replaced only where a window of ours waits for quiet.
func TestReplacesPIN(t *testing.T) {
	ours := []string{"/usr/bin/window"}
	for name, c := range map[string]struct {
		display, program string
		window           []string
		want             bool
	}{
		"our window":               {":65000", "", ours, true},
		"no window":                {":65000", "", nil, false},
		"no display":               {"", "", ours, false},
		"a program asks all":       {":65000", "/usr/bin/pinentry-qt", ours, false},
		"it asks for the PIN only": {":65000", "/usr/bin/pinentry-gnome3", ours, true},
	} {
		t.Setenv("DISPLAY", c.display)
		t.Setenv("WAYLAND_DISPLAY", "")
		if got := ReplacesPIN(New(Options{Program: c.program, Window: c.window})); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// pathWith makes a PATH on which a program has another name.
func pathWith(t *testing.T, program, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFallback: pinentry asks what our own window cannot show, except after a
// cancellation or timeout.
func TestFallback(t *testing.T) {
	need.Program(t, "pinentry-tty")
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asker := New(Options{Window: []string{"/bin/false"}})
	if err := asker.Consent(ctx, "fr", site); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	// Neither a display nor a terminal here.
	if err := asker.Consent(t.Context(), "fr", site); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no display and no terminal: %v", err)
	}
	if _, err := asker.Choose(t.Context(), "fr", site, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no choice: %v", err)
	}
}

func TestShortcuts(t *testing.T) {
	for _, c := range []struct{ labels, want []string }{
		{[]string{"Refuser", "Autoriser"}, []string{"_Refuser", "_Autoriser"}},
		{[]string{"Copy", "Close"}, []string{"_Copy", "C_lose"}},
		{[]string{"a_b", "_"}, []string{"_a__b", "__"}},
		{[]string{"État", "É"}, []string{"É_tat", "É"}},
	} {
		var buttons []dialog.Button
		for _, label := range c.labels {
			buttons = append(buttons, dialog.Button{Label: label})
		}
		var got []string
		for _, b := range shortcuts(buttons, "_") {
			got = append(got, b.Label)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || buttons[0].Label != c.labels[0] {
			t.Errorf("%q: %q", c.labels, got)
		}
	}
}

// TestSafeAnswer: in every question that can be refused, Enter is the answer that
// allows nothing, and keys count only after a quiet time.
func TestSafeAnswer(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		all := requests(t, lang)
		if all["Show"].Quiet != 0 {
			t.Error("a window that the person opened does not accept keys at once")
		}
		delete(all, "Show")
		if len(all["Choose"].Rows) != 2 || all["Choose"].Quiet == 0 {
			t.Errorf("%s: %+v", lang, all["Choose"])
		}
		delete(all, "Choose") // Enter takes the row that the person has gone to
		all["InsertCard, no reader"] = questionsIn(lang).askCard(site, false)
		if len(all) < 6 {
			t.Errorf("only %d dialogs", len(all))
		}
		for name, r := range all {
			for _, b := range r.Buttons {
				if b.Default != (b.Answer == dialog.Cancel) {
					t.Errorf("%s, %s: %+v", lang, name, b)
				}
			}
			if r.Quiet == 0 || len(r.Buttons) == 0 {
				t.Errorf("%s, %s: accepts keys at once, or none: %+v", lang, name, r)
			}
		}
	}
}

// requests are the windows that a Prompter's methods show, by the method's name,
// whatever methods there are. The PIN is typed on the reader.
func requests(t *testing.T, lang string) map[string]dialog.Request {
	t.Helper()
	all := map[string]dialog.Request{}
	method := ""
	var recorder Prompter = platform{show: func(_ context.Context, r dialog.Request) (int, error) { all[method] = r; return 0, nil }}
	arguments := map[reflect.Type]any{
		reflect.TypeFor[context.Context](): t.Context(), reflect.TypeFor[string](): lang, reflect.TypeFor[Caller](): site, reflect.TypeFor[Holder](): gp,
		reflect.TypeFor[[]Holder](): []Holder{gp, nurse}, reflect.TypeFor[PIN](): PIN{Caller: site, Holder: gp, PINPad: true}, reflect.TypeFor[bool](): true,
	}
	for declared := range reflect.TypeFor[Prompter]().Methods() {
		method = declared.Name
		var in []reflect.Value
		for kind := range declared.Type.Ins() {
			argument, known := arguments[kind]
			if !known {
				t.Fatalf("%s takes a %s: this test needs one", method, kind)
			}
			in = append(in, reflect.ValueOf(argument))
		}
		reflect.ValueOf(recorder).MethodByName(method).Call(in)
		if _, shows := all[method]; !shows {
			t.Errorf("%s shows nothing", method)
		}
	}
	return all
}

// TestNoLeaks: hundreds of dialogs, answered, cancelled and failed, leave no open
// file, no goroutine and no process behind.
func TestNoLeaks(t *testing.T) {
	t.Setenv("DISPLAY", ":65000")
	r := questionsIn("fr").askConsent(site)
	round := func() {
		for _, script := range []string{`echo '{"id":1,"answer":"ok"}'`, `echo nonsense`, `exit 3`, `kill -9 $$`} {
			_, _ = window{command: []string{"/bin/sh", "-c", "read question; " + script}}.show(t.Context(), r)
		}
		ctx, cancel := context.WithCancel(t.Context())
		begun := filepath.Join(t.TempDir(), "begun")
		ended := make(chan error, 1)
		go func() {
			_, err := window{command: []string{"/bin/sh", "-c", "read question; mkfifo " + begun + "; echo >" + begun + "; sleep 1000"}}.show(ctx, r)
			ended <- err
		}()
		for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(time.Millisecond) {
			if text, err := os.ReadFile(begun); err == nil && len(text) > 0 {
				break
			} else if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		cancel()
		if err := testdesktop.Await(t, ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	count := func() (files, goroutines, children int) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		tasks, err := filepath.Glob("/proc/self/task/*/children")
		if err != nil || len(tasks) == 0 {
			t.Fatal(tasks, err)
		}
		for _, task := range tasks {
			text, _ := os.ReadFile(task) // a thread may have ended
			children += len(strings.Fields(string(text)))
		}
		return len(open), runtime.NumGoroutine(), children
	}
	round()
	files, goroutines, children := count()
	for range 40 {
		round()
	}
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(10 * time.Millisecond) { // the last ones may still be ending
		f, g, c := count()
		if f <= files && g <= goroutines && c <= children {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d files, %d goroutines, %d processes; before %d, %d, %d", f, g, c, files, goroutines, children)
		}
	}
}
