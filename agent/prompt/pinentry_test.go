package prompt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

func TestAnswers(t *testing.T) {
	consent := func(ctx context.Context, p *Pinentry) error { return p.Consent(ctx, "fr", site) }
	confirm := func(ctx context.Context, p *Pinentry) error { return p.Confirm(ctx, "fr", site, gp) }
	pin := func(ctx context.Context, p *Pinentry) error {
		_, err := p.PIN(ctx, "fr", PIN{Caller: site, Holder: gp})
		return err
	}
	insert := func(ctx context.Context, p *Pinentry) error { return p.InsertCard(ctx, "fr", site, true) }
	connect := func(ctx context.Context, p *Pinentry) error { return p.InsertCard(ctx, "fr", site, false) }
	pinPad := func(ctx context.Context, p *Pinentry) error {
		_, err := p.PIN(ctx, "fr", PIN{Caller: site, Holder: gp, PINPad: true})
		return err
	}
	for name, c := range map[string]struct {
		script map[string]any
		ask    func(context.Context, *Pinentry) error
		want   error
	}{
		"consent given":        {map[string]any{"confirm": []string{"ok"}}, consent, nil},
		"consent refused":      {map[string]any{"confirm": []string{"notok"}}, consent, ErrCancelled},
		"consent closed":       {map[string]any{"confirm": []string{"cancel"}}, consent, ErrCancelled},
		"consent program dies": {map[string]any{"confirm": []string{"die"}}, consent, ErrUnavailable},
		"card open, yes":       {map[string]any{"confirm": []string{"ok"}}, confirm, nil},
		"card open, no":        {map[string]any{"confirm": []string{"notok"}}, confirm, ErrCancelled},
		"card open, closed":    {map[string]any{"confirm": []string{"cancel"}}, confirm, ErrCancelled},
		"PIN given":            {map[string]any{"pin": []string{"1234"}}, pin, nil},
		"PIN cancelled":        {map[string]any{"pin": []string{"cancel"}}, pin, ErrCancelled},
		"PIN program dies":     {map[string]any{"pin": []string{"die"}}, pin, ErrUnavailable},
		"reader cancelled":     {map[string]any{"insert": "cancel"}, connect, ErrCancelled},
		"insert cancelled":     {map[string]any{"insert": "cancel"}, insert, ErrCancelled},
		"PIN pad cancelled":    {map[string]any{"insert": "cancel"}, pinPad, ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := answering(t, c.script)
			if err := c.ask(t.Context(), p); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestTexts: the dialog says what the person must know, in both languages, and only
// where it applies.
func TestTexts(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		say := texts.In(lang)
		soon := gp
		soon.Renew = true
		renew, noAnswer := say.Text("dialog.renew_card", gp.NotAfter), say.Text("dialog.no_answer")
		for name, c := range map[string]struct {
			ask  func(p *Pinentry) error
			says []string
			not  []string
		}{
			"an open card": {func(p *Pinentry) error { return p.Confirm(t.Context(), lang, site, gp) }, []string{say.Text("dialog.consent_unlocked"), gp.Name, gp.Identifier, site.Origin}, []string{say.Text("dialog.consent")}},
			"a plain PIN":  {func(p *Pinentry) error { _, err := p.PIN(t.Context(), lang, PIN{Caller: site, Holder: gp}); return err }, []string{gp.Name}, []string{renew, noAnswer}},
			"ends soon": {func(p *Pinentry) error {
				_, err := p.PIN(t.Context(), lang, PIN{Caller: site, Holder: soon})
				return err
			}, []string{renew}, []string{noAnswer}},
			"not known": {func(p *Pinentry) error {
				_, err := p.PIN(t.Context(), lang, PIN{Caller: site, Holder: gp, Unsure: true, FinalTry: true})
				return err
			}, []string{noAnswer, say.Text("card.pin.final_try")}, []string{renew, say.Text("dialog.wrong_pin")}},
		} {
			p, log := answering(t, map[string]any{"pin": []string{"1234"}, "confirm": []string{"ok"}})
			if err := c.ask(p); err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("%0A", "\n", "%25", "%").Replace(log())
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("%s, %s: %q is missing:\n%s", lang, name, part, text)
				}
			}
			for _, part := range c.not {
				if strings.Contains(text, part) {
					t.Errorf("%s, %s: %q is shown:\n%s", lang, name, part, text)
				}
			}
		}
	}
}

// TestEnd: each dialog ends with its context, and the error says how.
func TestEnd(t *testing.T) {
	script := map[string]any{"pin": []string{"hang"}, "confirm": []string{"hang"}}
	asks := map[string]func(context.Context, *Pinentry) error{
		"consent": func(ctx context.Context, p *Pinentry) error { return p.Consent(ctx, "fr", site) },
		"choose": func(ctx context.Context, p *Pinentry) error {
			_, err := p.Choose(ctx, "fr", site, []Holder{gp, nurse})
			return err
		},
		"PIN": func(ctx context.Context, p *Pinentry) error {
			_, err := p.PIN(ctx, "fr", PIN{Caller: site, Holder: gp})
			return err
		},
		"insert": func(ctx context.Context, p *Pinentry) error { return p.InsertCard(ctx, "fr", site, true) },
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			p, _ := answering(t, script)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := ask(ctx, p); !errors.Is(err, ErrTimeout) {
				t.Errorf("deadline: %v", err)
			}
			cancelled, stop := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, stop)
			if err := ask(cancelled, p); !errors.Is(err, context.Canceled) {
				t.Errorf("cancel: %v", err)
			}
			if err := ask(cancelled, p); !errors.Is(err, context.Canceled) {
				t.Errorf("already ended: %v", err)
			}
		})
	}
}

// TestEndWithOrphan: a dialog program that leaves a process behind, outside its
// process group and with the pipe open, cannot block a login.
func TestEndWithOrphan(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("setsid(1) is Linux's; the code under test is the same elsewhere")
	}
	need.Program(t, "setsid")
	dir := t.TempDir()
	fifo := filepath.Join(dir, "end")
	program := filepath.Join(dir, "pinentry")
	script := "#!/bin/sh\nmkfifo " + fifo + "\nsetsid sh -c 'read x <" + fifo + "' &\necho OK\ncat >/dev/null\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	go func() { done <- NewPinentry(PinentryOptions{Program: program}).Consent(ctx, "fr", site) }()
	var err error
	overdue := false
	select {
	case err = <-done:
	case <-time.After(time.Minute):
		overdue = true
		t.Error("the dialog outlives its context")
	}
	if err := os.WriteFile(fifo, []byte("end\n"), 0); err != nil { // ends the orphan
		t.Fatal(err)
	}
	if overdue {
		err = <-done
	}
	if !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

func TestPIN(t *testing.T) {
	p, log := answering(t, map[string]any{"pin": []string{"1234", "%é"}})
	for _, want := range []string{"1234", "%é"} {
		pin, err := p.PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp})
		if err != nil || string(pin) != want {
			t.Errorf("got %q, %v; want %q", pin, err, want)
		}
	}
	if strings.Contains(log(), "1234") {
		t.Error("the PIN is in the log")
	}
}

// TestNoPasswordCache: a stored PIN would be replayed and lock the card.
func TestNoPasswordCache(t *testing.T) {
	p, log := answering(t, map[string]any{"pin": []string{"1234"}})
	if _, err := p.PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp}); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"SETKEYINFO", "external-password-cache", "SETREPEAT", "SETERROR"} {
		if strings.Contains(log(), never) {
			t.Errorf("%s in\n%s", never, log())
		}
	}
	if !strings.Contains(log(), "SETTIMEOUT 0\n") {
		t.Errorf("the program's own time limit applies:\n%s", log())
	}
	if strings.Count(log(), "GETPIN\n") != 1 {
		t.Errorf("not asked exactly once:\n%s", log())
	}
}

func TestPINTexts(t *testing.T) {
	fr := texts.In("fr")
	wrong, finalTry, countLow := fr.Text("dialog.wrong_pin"), fr.Text("card.pin.final_try"), fr.Text("card.pin.count_low")
	for name, c := range map[string]struct {
		pin  PIN
		want []string
		not  []string
	}{
		"first":     {PIN{}, []string{site.Origin, site.Program, gp.Name, gp.Identifier, gp.Profession, gp.Kind, "SETPROMPT " + fr.Text("dialog.pin_label")}, []string{"SETERROR", countLow, finalTry}},
		"wrong":     {PIN{WrongPIN: true, CountLow: true}, []string{"SETERROR " + fr.Text("dialog.wrong_pin_low")}, []string{wrong, countLow, finalTry}},
		"few tries": {PIN{CountLow: true}, []string{countLow}, []string{"SETERROR", finalTry}},
		"final try": {PIN{CountLow: true, FinalTry: true}, []string{finalTry}, []string{"SETERROR", countLow}},
		"length":    {PIN{LengthHint: true, MinLength: 4, MaxLength: 8}, []string{"SETERROR Le code porteur compte de 4 à 8"}, []string{wrong}},
		"fixed":     {PIN{LengthHint: true, MinLength: 4, MaxLength: 4}, []string{"SETERROR Le code porteur compte 4 "}, []string{wrong}},
	} {
		t.Run(name, func(t *testing.T) {
			p, log := answering(t, map[string]any{"pin": []string{"1234"}})
			c.pin.Caller, c.pin.Holder = site, gp
			if _, err := p.PIN(t.Context(), "fr", c.pin); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(log(), want) {
					t.Errorf("no %q in\n%s", want, log())
				}
			}
			for _, not := range c.not {
				if strings.Contains(log(), not) {
					t.Errorf("%q in\n%s", not, log())
				}
			}
		})
	}
}

func TestChoose(t *testing.T) {
	both := []Holder{gp, nurse}
	for name, c := range map[string]struct {
		answers []string
		choices []Holder
		want    int
		err     error
	}{
		"first":         {[]string{"ok"}, both, 0, nil},
		"second":        {[]string{"notok", "ok"}, both, 1, nil},
		"round":         {[]string{"notok", "notok", "ok"}, both, 0, nil},
		"ended":         {[]string{"notok", "cancel"}, both, 0, ErrCancelled},
		"program dies":  {[]string{"notok", "die"}, both, 0, ErrUnavailable},
		"none to offer": {[]string{"ok"}, nil, 0, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := answering(t, map[string]any{"confirm": c.answers})
			got, err := p.Choose(t.Context(), "en", site, c.choices)
			if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

// TestHostileTexts: whatever the texts from outside, the dialog can be shown.
func TestHostileTexts(t *testing.T) {
	for name, text := range map[string]string{
		"long": strings.Repeat("é", 5000), "percent": strings.Repeat("%", 500), "lines": strings.Repeat("\r\n", 500),
		"direction": strings.Repeat("\u202e", 500), "not UTF-8": strings.Repeat("\xff", 500), "command": "x\nGETPIN\nSETDESC y",
	} {
		t.Run(name, func(t *testing.T) {
			for _, named := range []bool{true, false} {
				p, log := answering(t, map[string]any{"pin": []string{"1234"}})
				d := PIN{Caller: Caller{Origin: text, Program: text, Named: named}, Holder: Holder{text, text + "1", text + "2", text + "3", text + "4", false}, FinalTry: true}
				if _, err := p.PIN(t.Context(), "fr", d); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(log(), texts.In("fr").Text("card.pin.final_try")) {
					t.Errorf("the warning was cut:\n%s", log())
				}
				if n := strings.Count("\n"+log(), "\nGETPIN\n"); n != 1 {
					t.Errorf("asked %d times", n)
				}
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	dir := t.TempDir()
	silent := filepath.Join(dir, "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("WAYLAND_DISPLAY", "")
	for name, c := range map[string]struct{ program, display, want string }{
		"settings name no file": {filepath.Join(dir, "absent"), ":1", "settings"},
		"ends at once":          {silent, ":1", "ended"},
		"no display":            {"", "", "display"},
		"none on PATH":          {"", ":1", "pinentry-qt"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.program == silent {
				t.Skip("a shell script is no program on Windows")
			}
			t.Setenv("DISPLAY", c.display)
			err := NewPinentry(PinentryOptions{Program: c.program}).Consent(t.Context(), "fr", site)
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTooManyAnswers: an unrequested answer of a program answers nothing.
func TestTooManyAnswers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a shell script is no program on Windows")
	}
	for name, says := range map[string]string{
		"twice at the beginning": `printf 'OK hello\nOK\n'; while read x; do echo OK; done`,
		"twice each":             `printf 'OK hello\n'; while read x; do printf 'OK\nOK\n'; done`,
		"a PIN beforehand":       `printf 'OK hello\nD 1234\nOK\n'; while read x; do echo OK; done`,
		"data without end":       `printf 'OK hello\n'; while read x; do case $x in GETPIN*|CONFIRM*) yes 'D 1234' ;; *) echo OK;; esac; done`,
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "pinentry")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"+says+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			p := NewPinentry(PinentryOptions{Program: program})
			if err := p.Consent(t.Context(), "fr", site); !errors.Is(err, ErrUnavailable) {
				t.Errorf("consent: %v", err)
			}
			if pin, err := p.PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp}); !errors.Is(err, ErrUnavailable) || pin != nil {
				t.Errorf("PIN: %q, %v", pin, err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	for name, want := range map[string]bool{
		"QT_PLUGIN_PATH": false, "QT_QPA_PLATFORM_PLUGIN_PATH": false, "QT_QPA_GENERIC_PLUGINS": false, "QT_QPA_PLATFORM": true, "QT_ACCESSIBILITY": true,
		"DISPLAY": true, "LC_PAPER": true, "QT_SCALE_FACTOR": true, "XDG_DATA_DIRS": true, "GPG_TTY": true,
		"SSH_AUTH_SOCK": false, "SOFTHSM2_CONF": false, "PINENTRY_USER_DATA": false, "LD_PRELOAD_X": false,
	} {
		t.Setenv(name, "x")
		got := strings.Contains("\n"+strings.Join(environment(), "\n"), "\n"+name+"=")
		if got != want {
			t.Errorf("%s passed on: %t", name, got)
		}
	}
}

// A program that is refused is not started, and no other one in its place.
func TestRefusedProgram(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	program := filepath.Join(t.TempDir(), autopinName)
	if err := os.WriteFile(program, []byte("#!/bin/sh\n: >"+started+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	why := errors.New("others may write it")
	p := NewPinentry(PinentryOptions{Program: program, Refuse: func(asked string) error {
		if asked != program {
			t.Errorf("asked about %s", asked)
		}
		return why
	}})
	err := p.Consent(t.Context(), "fr", site)
	if !errors.Is(err, ErrUntrusted) || !errors.Is(err, ErrUnavailable) || !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("the program was started")
	}
}
