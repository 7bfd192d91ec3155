package prompt

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// The messages that an entry refuses (winuser.h), and the keys behind them.
const (
	wmSetText, wmGetText, wmGetTextLength, wmContextMenu = 0xc, 0xd, 0xe, 0x7b
	wmCut, wmPaste, wmClear, wmUndo, wmChar              = 0x300, 0x302, 0x303, 0x304, 0x102
	emReplaceSelection, emGetLine, emUndo                = 0xc2, 0xc4, 0xc7
	emSetPasswordChar, emEmptyUndo, emGetHandle          = 0xcc, 0xcd, 0xbd
	keyInsert, keyDelete, keyShift, keyControl           = 0x2d, 0x2e, 0x10, 0x11
	charSelectAll, charBackspace, charPaste, charFirst   = 0x01, 0x08, 0x16, 0x20
	charDelete                                           = 0x7f // Ctrl+Backspace, which an entry writes as a character
)

// ownProcedure is GWLP_WNDPROC.
const ownProcedure = ^uintptr(3)

var (
	procCallProcedure = user32.NewProc("CallWindowProcW")
	procKeyState      = user32.NewProc("GetKeyState")
	procBeep          = user32.NewProc("MessageBeep")

	entryProcedure = windows.NewCallback(entryProc)
)

// setProcedure is SetWindowLongPtrW, which has another name where pointers have 32 bits.
var setProcedure = func() *windows.LazyProc {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		return user32.NewProc("SetWindowLongW")
	}
	return user32.NewProc("SetWindowLongPtrW")
}()

// guardEntry makes the entry accept what is typed, and nothing else. The system's own entry
// hides a PIN from the eye, but pastes, undoes, and shows it to any program of the person
// that asks for its text or takes its dots away.
//
// The entry has the number of its dialog, by which the procedure finds it.
func (n *native) guardEntry() {
	setNumber(n.edit, numberOf(n.window))
	n.system, _, _ = setProcedure.Call(n.edit, ownProcedure, entryProcedure)
}

// entryProc is the system's callback for the entry.
func entryProc(entry uintptr, message uint32, w, l uintptr) uintptr {
	found, ok := shownNow.Load(numberOf(entry))
	if !ok {
		return 0 // the dialog has ended: its entry has no text any more
	}
	n := found.(*native)
	switch n.admits(message, w) {
	case refused:
		_, _, _ = procBeep.Call(0)
		if e := n.request.Entry; e != nil && pastes(message, w) {
			n.say(e.Typed)
		}
		return 0
	case ignored:
		return 0
	}
	if message == wmChar && w == charSelectAll {
		return send(entry, emSetSelection, 0, ^uintptr(0))
	}
	if message == wmDestroy { // what comes after is for the system alone, which frees the entry's memory
		_, _, _ = setProcedure.Call(entry, ownProcedure, n.system)
		forgetNumber(entry)
	}
	if message == wmChar && w >= charFirst {
		n.say(n.request.Wrong) // what was wrong with what was typed before is so no more
	}
	answer, _, _ := procCallProcedure.Call(n.system, entry, uintptr(message), w, l)
	if message == wmChar || message == wmKeyDown {
		// What was deleted is retained for an undo, which this entry refuses.
		_, _, _ = procCallProcedure.Call(n.system, entry, emEmptyUndo, 0, 0)
	}
	return answer
}

// verdict is what becomes of a message to the entry.
type verdict int

const (
	admitted verdict = iota
	refused          // with a sound, because a person did it
	ignored
)

// admits decides what becomes of a message to the entry.
func (n *native) admits(message uint32, w uintptr) verdict {
	switch message {
	case wmPaste, wmCut, wmCopy, wmUndo, emUndo, wmContextMenu:
		return refused
	case wmSetText, wmGetText, wmGetTextLength, wmClear, emReplaceSelection, emGetLine, emGetHandle, emSetPasswordChar:
		if !n.own {
			return ignored
		}
	case wmChar:
		switch {
		case w == charBackspace || w == charSelectAll || w >= charFirst && w != charDelete:
		default: // Ctrl+V and the other shortcuts, which an entry may answer without a message
			return refused
		}
	case wmKeyDown:
		if w == keyInsert && (held(keyShift) || held(keyControl)) || w == keyDelete && held(keyShift) {
			return refused
		}
	}
	return admitted
}

// pastes reports a message by which a person pastes, or would.
func pastes(message uint32, w uintptr) bool {
	return message == wmPaste || message == wmContextMenu || message == wmChar && w == charPaste || message == wmKeyDown && w == keyInsert
}

// held reports whether a key was down at the message that is being answered.
func held(key uintptr) bool {
	state, _, _ := procKeyState.Call(key)
	return int16(state) < 0
}

// ourselves does something with the entry that it refuses others.
func (n *native) ourselves(do func()) {
	n.own = true
	do()
	n.own = false
}

// readEntry returns what was typed.
func (n *native) readEntry() (pin []byte) {
	n.ourselves(func() { pin = readText(n.edit, n.most) })
	return pin
}

// wipeEntry overwrites what was typed, in the entry's own memory: a text of the same length
// makes it look for no other. What the system copied before, as when the entry's memory
// grew, is out of reach.
func (n *native) wipeEntry() {
	n.ourselves(func() {
		length := int(send(n.edit, wmGetTextLength, 0, 0))
		for _, sign := range []uint16{'x', ' '} {
			over := make([]uint16, length+1)
			for i := range length {
				over[i] = sign
			}
			_, _, _ = procSend.Call(n.edit, wmSetText, 0, uintptr(unsafe.Pointer(&over[0])))
		}
		send(n.edit, emEmptyUndo, 0, 0)
		_, _, _ = procSend.Call(n.edit, wmSetText, 0, uintptr(unsafe.Pointer(wide(""))))
	})
}
