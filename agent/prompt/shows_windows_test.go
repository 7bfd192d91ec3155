package prompt

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestEntryShows: the window says what the one on Linux says, in that order, and of the site
// the domain alone is in bold.
func TestEntryShows(t *testing.T) {
	a := askForPINOf(t, PIN{MinLength: 4, MaxLength: 8, WrongPIN: true, FinalTry: true})
	r := a.request
	want := []string{r.Site, r.Origin, r.Holder[0], r.Final, r.Text, r.Wrong}
	for _, b := range shortcuts(r.Buttons, "&") {
		want = append(want, b.Label)
	}
	var got []string
	for _, part := range a.parts {
		if text := textOf(part); text != "" {
			got = append(got, text)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("it shows %q, want %q", got, want)
	}
	list, _ := a.pieces(a.px(textWidth))
	bold, whole := "", ""
	for _, part := range list {
		whole += part.text
		if weight(part.font) >= 700 {
			bold += part.text
		}
	}
	if whole != r.Origin || bold != "example.fr" {
		t.Errorf("of %q in bold: %q", whole, bold)
	}
	if weight(a.plain) >= 700 {
		t.Error("all is in bold")
	}
	a.presses(keyEscape)
	<-a.done
}

var procObject = gdi32.NewProc("GetObjectW")

// weight is how bold a font is: 400 is usual.
func weight(font uintptr) int32 {
	var is struct { // LOGFONTW
		Height, Width, Escapement, Orientation, Weight int32
		Rest                                           [72]byte
	}
	_, _, _ = procObject.Call(font, unsafe.Sizeof(is), uintptr(unsafe.Pointer(&is)))
	return is.Weight
}

// TestEntrySaysEarly: the entry says that nothing of what was typed ahead is in it, until a
// character is, and what was wrong with the one before remains said.
func TestEntrySaysEarly(t *testing.T) {
	fr := questionsIn("fr")
	wrong, tooEarly := fr.Text("dialog.wrong_pin"), fr.Text("dialog.pin_early")
	const shift = 0x10
	for key, want := range map[uintptr]string{'9': wrong + " " + tooEarly, keyReturn: wrong + " " + tooEarly, shift: wrong} {
		s := steps{slog.DiscardHandler, make(chan string, 16), make(chan struct{}), make(chan struct{})}
		n, err := startNative(slog.New(s), func() {})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(r dialog.Request, quiet int) {
			r.Quiet = quiet
			n.questions <- &question{request: r, most: 8, reply: make(chan reply, 1)}
			post(n.window, wmNext)
		}
		caller := Caller{Origin: "https://portail.example.fr"}
		ask(fr.askConsent(caller), 0)
		<-s.lines
		_, _, _ = procPost.Call(n.window, wmCommand, idButton+uintptr(slices.IndexFunc(n.request.Buttons, func(b dialog.Button) bool { return b.Answer == dialog.OK })), 0)
		<-s.busy
		_, _, _ = procPost.Call(n.window, wmKeyDown, key, 0)
		ask(fr.askPIN(PIN{Caller: caller, Holder: Holder{Name: "TEST"}, MaxLength: 8, WrongPIN: true}), 60000)
		s.goOn <- struct{}{}
		if line := <-s.lines; line != "the dialog waits for quiet" {
			t.Error(line)
		}
		if got := textOf(n.note.wrong); got != want {
			t.Errorf("key %#x: it says %q, want %q", key, got, want)
		}
		send(n.edit, wmChar, '1', 0)
		if got := textOf(n.note.wrong); got != wrong {
			t.Errorf("after a character: %q", got)
		}
		post(n.window, wmEnd)
		<-n.dead
	}
}

// TestEntryAway: a window that the system gave no keyboard says what the person has to do,
// until it has it.
func TestEntryAway(t *testing.T) {
	a := askForPIN(t, 8)
	said := func() string { return textOf(a.note.away) }
	send(a.window, wmTimer, quietTimer, 0)
	if got := said(); got != "" {
		t.Errorf("with the keyboard: %q", got)
	}
	ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
	other, err := startNative(slog.New(ready), func() {})
	if err != nil {
		t.Fatal(err)
	}
	r := questionsIn("fr").askConsent(Caller{Origin: "https://portail.example.fr"})
	r.Quiet = 0
	other.questions <- &question{request: r, reply: make(chan reply, 1)}
	post(other.window, wmNext)
	<-ready.c
	send(a.window, wmTimer, quietTimer, 0)
	if got := said(); got != questionsIn("fr").Text("dialog.pin_away") {
		t.Errorf("without the keyboard: %q", got)
	}
	post(other.window, wmEnd)
	<-other.dead
	const activated = 1
	send(a.window, wmActivate, activated, 0)
	if got := said(); got != "" {
		t.Errorf("with the keyboard once more: %q", got)
	}
	send(a.window, wmEnd, 0, 0)
	<-a.done
}

// TestEntryUnread: what was typed before the warning of the last try came is not sent before
// the person can have read that.
func TestEntryUnread(t *testing.T) {
	ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
	talk := &nativeTalk{log: slog.New(ready), cancel: func(error) {}}
	defer talk.close()
	ask := func(ctx context.Context, p PIN, quiet int) chan result {
		p.Caller, p.Holder, p.MaxLength = Caller{Origin: "https://portail.example.fr"}, Holder{Name: "TEST"}, 8
		r := questionsIn("fr").askPIN(p)
		r.Quiet = quiet
		done := make(chan result, 1)
		go func() { pin, err := talk.pin(ctx, r, 8); done <- result{pin, err} }()
		<-ready.c
		return done
	}
	first, cancel := context.WithCancel(t.Context())
	done := ask(first, PIN{}, 0)
	a := asked{t: t, native: standing()}
	a.types("123")
	cancel()
	<-done
	done = ask(t.Context(), PIN{Replaced: true, FinalTry: true}, 60000)
	a.types("4")
	send(a.window, wmCommand, idOK, 0)
	if len(done) > 0 || a.typed() != 4 {
		t.Fatalf("it was sent unread, or %d characters stand", a.typed())
	}
	send(a.window, wmTimer, readTimer, 0) // that time is over
	send(a.window, wmCommand, idOK, 0)
	if r := <-done; string(r.pin) != "1234" || r.err != nil {
		t.Errorf("%q %v", r.pin, r.err)
	}
}
