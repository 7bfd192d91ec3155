package prompt

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// signal is a log that reports each line with that text.
type signal struct {
	slog.Handler
	text string
	c    chan struct{}
}

func (s signal) Enabled(context.Context, slog.Level) bool { return true }

func (s signal) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, s.text) {
		s.c <- struct{}{}
	}
	return nil
}

// asked is a PIN dialog that stands.
type asked struct {
	*native
	t    *testing.T
	done chan result
}

type result struct {
	pin []byte
	err error
}

// askForPIN opens a PIN dialog and returns it once it accepts keys.
func askForPIN(t *testing.T, most int) asked {
	t.Helper()
	return askForPINOf(t, PIN{MaxLength: most})
}

func askForPINOf(t *testing.T, p PIN) asked {
	t.Helper()
	return askForPINUnder(t.Context(), t, p)
}

func askForPINUnder(ctx context.Context, t *testing.T, p PIN) asked {
	t.Helper()
	p.Caller, p.Holder = Caller{Origin: "https://portail.example.fr"}, Holder{Name: "TEST"}
	ready := signal{slog.DiscardHandler, "accepts keys", make(chan struct{}, 8)}
	r := questionsIn("fr").askPIN(p)
	r.Quiet = 0
	a := asked{t: t, done: make(chan result, 1)}
	go func() {
		pin, err := natives{log: slog.New(ready)}.pin(ctx, r, p.MaxLength)
		a.done <- result{pin, err}
	}()
	select {
	case <-ready.c:
	case r := <-a.done:
		t.Fatal(r.err)
	}
	a.native = standing()
	return a
}

// standing is the window that is open.
func standing() (window *native) {
	shownNow.Range(func(_, n any) bool { window = n.(*native); return true })
	return window
}

// types has the entry receive characters as from the keyboard, one message each.
func (a asked) types(text string) {
	for _, c := range text {
		send(a.edit, wmChar, uintptr(c), 0)
	}
}

// submits presses Enter and returns what was typed.
func (a asked) submits() string {
	a.t.Helper()
	a.presses(keyReturn)
	r := <-a.done
	if r.err != nil {
		a.t.Fatal(r.err)
	}
	return string(r.pin)
}

const keyEscape = 0x1b

// presses has the dialog receive a key.
func (a asked) presses(key uintptr) { _, _, _ = procPost.Call(a.edit, wmKeyDown, key, 0) }

var (
	procOpenClipboard  = user32.NewProc("OpenClipboard")
	procEmptyClipboard = user32.NewProc("EmptyClipboard")
	procSetClipboard   = user32.NewProc("SetClipboardData")
	procGetClipboard   = user32.NewProc("GetClipboardData")
	procCloseClipboard = user32.NewProc("CloseClipboard")
	procAlloc          = kernel32.NewProc("GlobalAlloc")
	procLock           = kernel32.NewProc("GlobalLock")
	procSize           = kernel32.NewProc("GlobalSize")
	procUnlock         = kernel32.NewProc("GlobalUnlock")
)

const unicodeText = 13

// withClipboard does something with the person's clipboard open.
func withClipboard(t *testing.T, window uintptr, do func()) {
	t.Helper()
	if ok, _, err := procOpenClipboard.Call(window); ok == 0 {
		t.Fatal(err)
	}
	do()
	_, _, _ = procCloseClipboard.Call()
}

func copied(t *testing.T, window uintptr, text string) {
	t.Helper()
	wideText, err := windows.UTF16FromString(text)
	if err != nil {
		t.Fatal(err)
	}
	withClipboard(t, window, func() {
		_, _, _ = procEmptyClipboard.Call()
		memory, _, _ := procAlloc.Call(2, uintptr(2*len(wideText)))
		at, _, _ := procLock.Call(memory)
		_, _, _ = procMove.Call(at, uintptr(unsafe.Pointer(&wideText[0])), uintptr(2*len(wideText)))
		_, _, _ = procUnlock.Call(memory)
		if ok, _, err := procSetClipboard.Call(unicodeText, memory); ok == 0 {
			t.Fatal(err)
		}
	})
}

func clipboard(t *testing.T, window uintptr) (text string) {
	t.Helper()
	withClipboard(t, window, func() {
		memory, _, _ := procGetClipboard.Call(unicodeText)
		if memory == 0 {
			return
		}
		size, _, _ := procSize.Call(memory)
		at, _, _ := procLock.Call(memory)
		var signs [64]uint16
		_, _, _ = procMove.Call(uintptr(unsafe.Pointer(&signs[0])), at, min(size, unsafe.Sizeof(signs)))
		_, _, _ = procUnlock.Call(memory)
		text = windows.UTF16ToString(signs[:])
	})
	return text
}

// TestEntryRefuses: nothing enters the entry but what is typed, and nothing of it comes
// out, whichever program asks.
func TestEntryRefuses(t *testing.T) {
	other := uintptr(unsafe.Pointer(wide("9999")))
	selectAll := func(a asked) { send(a.edit, emSetSelection, 0, ^uintptr(0)) }
	for name, do := range map[string]func(a asked){
		"pasted":            func(a asked) { send(a.edit, wmPaste, 0, 0) },
		"pasted over":       func(a asked) { selectAll(a); send(a.edit, wmPaste, 0, 0) },
		"Ctrl+V":            func(a asked) { a.types("\x16") },
		"Ctrl+Z":            func(a asked) { a.types("\x1a") },
		"Ctrl+Backspace":    func(a asked) { a.types("\x7f") },
		"undone":            func(a asked) { send(a.edit, wmUndo, 0, 0); send(a.edit, emUndo, 0, 0) },
		"written":           func(a asked) { send(a.edit, wmSetText, 0, other) },
		"selection written": func(a asked) { selectAll(a); send(a.edit, emReplaceSelection, 0, other) },
		"cleared":           func(a asked) { selectAll(a); send(a.edit, wmClear, 0, 0) },
		"cut": func(a asked) {
			selectAll(a)
			send(a.edit, wmCut, 0, 0)
			send(a.edit, wmCopy, 0, 0)
			a.types("\x03\x18")
			// wine may have put the screen's own selection, which is empty, into the clipboard.
			if got := clipboard(a.t, a.window); got != "8765" && got != "" {
				a.t.Errorf("the clipboard has %q", got)
			}
		},
		"read": func(a asked) {
			signs := new([16]uint16)
			var pinned runtime.Pinner // on the heap, where it is not moved while Windows writes
			pinned.Pin(signs)
			defer pinned.Unpin()
			signs[0] = uint16(len(signs)) // for EM_GETLINE
			to := uintptr(unsafe.Pointer(&signs[0]))
			for message, w := range map[uint32]uintptr{wmGetText: 16, emGetLine: 0, wmGetTextLength: 0, emGetHandle: 0} {
				if got := send(a.edit, message, w, to); got != 0 {
					a.t.Errorf("message %#x: %d", message, got)
				}
			}
			// wine for 386 now and then writes what is no text at all.
			if slices.ContainsFunc(signs[:], func(sign uint16) bool { return sign >= '0' && sign <= '9' }) {
				a.t.Errorf("read %v", *signs)
			}
		},
		"dots gone": func(a asked) {
			const getPasswordChar = 0xd2
			send(a.edit, emSetPasswordChar, 0, 0)
			if send(a.edit, getPasswordChar, 0, 0) == 0 {
				a.t.Error("what is typed can be seen")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := askForPIN(t, 8)
			copied(t, a.window, "8765")
			a.types("12")
			do(a)
			send(a.edit, emSetSelection, 2, 2)
			a.types("34")
			if got := a.submits(); got != "1234" {
				t.Errorf("typed 1234, got %q", got)
			}
		})
	}
}

// TestEntryEdits: what a person does to correct a PIN works.
func TestEntryEdits(t *testing.T) {
	for keys, want := range map[string]string{"129\b34": "1234", "99\x011234": "1234", "12345678901": "12345678"} {
		a := askForPIN(t, 8)
		a.types(keys)
		if got := a.submits(); got != want {
			t.Errorf("%q: got %q, want %q", keys, got, want)
		}
	}
}

// TestEntryNotes: what is no PIN of the card goes nowhere, and the reason stands below the
// entry; so does it where something is pasted.
func TestEntryNotes(t *testing.T) {
	a := askForPINOf(t, PIN{MinLength: 4, MaxLength: 8})
	said := func() string { return textOf(a.note.wrong) }
	fr := questionsIn("fr")
	if got := said(); got != "" {
		t.Errorf("at first: %q", got)
	}
	a.types("12")
	send(a.window, wmCommand, idOK, 0)
	if got := said(); got != fr.length(4, 8) {
		t.Errorf("too short: %q", got)
	}
	send(a.edit, wmPaste, 0, 0)
	if got := said(); got != fr.Text("dialog.pin_is_typed") {
		t.Errorf("pasted: %q", got)
	}
	a.types("34")
	if got := a.submits(); got != "1234" {
		t.Errorf("got %q", got)
	}
}

// TestEntryWiped: once a dialog is over, what was typed is nowhere in this process's
// memory, in neither of its forms; what was deleted neither.
func TestEntryWiped(t *testing.T) {
	for _, how := range []string{"submitted", "cancelled", "ended"} {
		t.Run(how, func(t *testing.T) {
			a := askForPIN(t, longestPIN)
			// Long, because freeing memory overwrites its beginning.
			a.types(strings.Repeat("0", 24))
			for i := range scrambled {
				a.types(string(rune(digit(i))))
			}
			if wideForms, _ := inMemory(t); wideForms == 0 {
				t.Fatal("what stands in the entry is not found: this test could not fail")
			}
			switch how {
			case "submitted":
				a.presses(keyReturn)
			case "cancelled":
				a.presses(keyEscape)
			default:
				post(a.window, wmEnd)
			}
			r := <-a.done
			if submitted := how == "submitted"; submitted != (len(r.pin) == 24+len(scrambled)) || submitted != (r.err == nil) {
				t.Errorf("%d characters, %v", len(r.pin), r.err)
			}
			clear(r.pin) // as who asked for it does
			if wideForms, bytes := inMemory(t); wideForms+bytes > 0 {
				t.Errorf("%d times as Windows writes it, %d times as a Go string", wideForms, bytes)
			}
		})
	}
}

// scrambled is the PIN of TestEntryWiped, which must not stand in memory by itself.
var scrambled = [...]byte{0xcf, 0xc2, 0xc9, 0xc3, 0xc8, 0xcd, 0xcb, 0xcc}

func digit(i int) byte { return scrambled[i] ^ 0xfa }

// memoryRegion is MEMORY_BASIC_INFORMATION (winnt.h). That of x/sys has PartitionId for 386
// too, where there is none, so that what follows it is read wrong.
type memoryRegion struct {
	BaseAddress, AllocationBase uintptr
	AllocationProtect           uint32
	RegionSize                  uintptr
	State, Protect, Type        uint32
}

// inMemory counts the PIN in the writable memory of this process.
func inMemory(t *testing.T) (wideForms, bytes int) {
	t.Helper()
	buffer := make([]byte, 1<<20)
	defer clear(buffer)
	own := uintptr(unsafe.Pointer(&buffer[0]))
	var region memoryRegion
	for at := uintptr(0x10000); windows.VirtualQuery(at, (*windows.MemoryBasicInformation)(unsafe.Pointer(&region)), unsafe.Sizeof(region)) == nil; at = region.BaseAddress + region.RegionSize {
		writable := region.Protect == windows.PAGE_READWRITE || region.Protect == windows.PAGE_EXECUTE_READWRITE
		if region.State != windows.MEM_COMMIT || !writable {
			continue
		}
		for from, end := region.BaseAddress, region.BaseAddress+region.RegionSize; from < end; {
			size := min(uintptr(len(buffer)), end-from)
			switch {
			case from >= own && from < own+uintptr(len(buffer)): // what was read before
				from = own + uintptr(len(buffer))
				continue
			case from < own:
				size = min(size, own-from)
			}
			var n uintptr
			if windows.ReadProcessMemory(windows.CurrentProcess(), from, &buffer[0], size, &n) == nil {
				for i := range buffer[:n] {
					wideForms += matches(buffer[i:n], 2)
					bytes += matches(buffer[i:n], 1)
				}
			}
			from += size
		}
	}
	return wideForms, bytes
}

// matches is 1 where a text begins with the PIN, in characters of that width.
func matches(text []byte, width int) int {
	if len(text) < width*len(scrambled) {
		return 0
	}
	for i := range scrambled {
		if text[width*i] != digit(i) || width == 2 && text[2*i+1] != 0 {
			return 0
		}
	}
	return 1
}
