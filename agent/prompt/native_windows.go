package prompt

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// native is one dialog, made of the system's own controls. It is for the thread that
// shows it.
type native struct {
	request dialog.Request
	most    int // the longest entry; 0: no entry

	window               uintptr
	list, edit, body     uintptr
	plain, strong, large uintptr // fonts
	dpi                  int32
	area                 rect               // of the screen, for the dialog
	colours              map[uintptr]uint32 // of texts in another colour than usual
	buttons              []uintptr
	focus                uintptr
	shown                bool
	ready, done, closed  bool
	system               uintptr // the entry's procedure before ours
	own                  bool    // we ourselves read or write the entry
	log                  *slog.Logger
	answer               string
	row                  int
	pin                  []byte
}

// shownNow are the open dialogs by number, for the system's callbacks: Go pointers
// must not be passed to the system.
var (
	shownNow   sync.Map
	lastNumber atomic.Uintptr
)

// natives makes dialogs of the system's own controls.
type natives struct{ log *slog.Logger }

func (d natives) show(ctx context.Context, r dialog.Request) (int, error) {
	n := &native{request: r, log: d.log}
	err := n.run(ctx)
	return n.row, err
}

func (d natives) pin(ctx context.Context, r dialog.Request, most int) ([]byte, error) {
	if most <= 0 || most > longestPIN {
		most = longestPIN
	}
	n := &native{request: r, most: most, log: d.log}
	err := n.run(ctx)
	if err != nil {
		clear(n.pin)
		return nil, err
	}
	return n.pin, nil
}

// longestPIN is longer than any card's PIN, for cards that state no length.
const longestPIN = 64

func (n *native) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	runtime.LockOSThread() // a window belongs to its thread
	defer runtime.UnlockOSThread()
	defer perMonitor()()
	number := lastNumber.Add(1)
	shownNow.Store(number, n)
	defer shownNow.Delete(number)
	defer n.freeFonts()
	if err := n.open(number); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// The context may end on any thread. This one waits for messages, even while
	// the person moves the dialog.
	window := n.window
	stop := context.AfterFunc(ctx, func() { post(window, wmEnd) })
	defer stop()
	n.show()
	err := n.loop(ctx)
	n.close()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case ctx.Err() != nil:
		return ended(ctx)
	case n.answer == dialog.Never:
		return ErrNever
	case n.answer != dialog.OK:
		return ErrCancelled
	}
	return nil
}

// loop serves the dialog until it is answered or ctx ends.
func (n *native) loop(ctx context.Context) error {
	var m message
	for !n.done && ctx.Err() == nil {
		more, err := nextMessage(&m)
		if err != nil {
			return err
		}
		if !more { // WM_QUIT: the thread has to end
			return nil
		}
		if n.swallows(m.Message) {
			continue
		}
		if !isDialogMessage(n.window, &m) {
			dispatch(&m)
		}
	}
	return nil
}

// swallows reports whether a key or click came too early. A person who goes on
// typing or clicking when the dialog opens, or gets the keyboard back, has not read
// the question yet and must neither allow nor cancel anything.
func (n *native) swallows(message uint32) bool {
	if n.ready || !isInput(message) {
		return false
	}
	if isPress(message) {
		n.awaitQuiet()
	}
	return true
}

// awaitQuiet swallows keys and clicks until there has been none for a while.
func (n *native) awaitQuiet() {
	if n.request.Quiet == 0 || !n.shown {
		return
	}
	n.ready = false
	setTimer(n.window, n.request.Quiet) // replaces a running one
}

// onQuiet runs at the end of that while. Without the keyboard the dialog goes on
// swallowing: awaitQuiet runs again when it gets the keyboard.
func (n *native) onQuiet() {
	stopTimer(n.window)
	if inFront(n.window) {
		n.acceptInput()
	}
}

// acceptInput ends the time in which keys and clicks are swallowed.
func (n *native) acceptInput() {
	n.ready = true
	n.log.Debug("the dialog accepts keys")
}

// command handles a button, Enter, Escape, or the notice of a control.
func (n *native) command(id, notice uint32) {
	switch {
	case id == idCancel:
		n.finish(dialog.Cancel)
	case id == idOK:
		// Enter on any control: the default button.
		for i, b := range n.request.Buttons {
			if b.Default {
				n.press(i)
			}
		}
	case id == idList && notice == lbnDoubleClick:
		n.finish(dialog.OK)
	case id >= idButton && int(id-idButton) < len(n.buttons):
		n.press(int(id - idButton))
	}
}

func (n *native) press(i int) {
	b := n.request.Buttons[i]
	if b.Answer != dialog.Copy {
		n.finish(b.Answer)
		return
	}
	send(n.body, emSetSelection, 0, ^uintptr(0))
	send(n.body, wmCopy, 0, 0)
	setText(n.buttons[i], b.Done)
}

func (n *native) finish(answer string) {
	if n.done {
		return
	}
	n.answer, n.done = answer, true
	if answer != dialog.OK {
		return
	}
	if n.list != 0 {
		n.row = int(int32(send(n.list, lbGetSelection, 0, 0)))
		if n.row < 0 || n.row >= len(n.request.Rows) {
			n.row, n.done = 0, false // no row is chosen yet
		}
	}
	if n.edit != 0 {
		n.pin = n.readEntry()
	}
}

// dialogProc is the system's callback for all dialogs.
func dialogProc(window uintptr, message uint32, w, l uintptr) uintptr {
	if message == wmInitDialog {
		setNumber(window, l)
	}
	found, ok := shownNow.Load(numberOf(window))
	if !ok {
		return 0
	}
	n := found.(*native)
	switch message {
	case wmInitDialog:
		n.window = window
		n.build()
		return 0 // the focus is set by show
	case wmCommand:
		n.command(uint32(w&0xffff), uint32(w>>16&0xffff))
		return 1
	case wmTimer:
		n.onQuiet()
		return 1
	case wmActivate: // activated or deactivated; the system does the rest
		n.awaitQuiet()
		return 0
	case wmDestroy:
		forgetNumber(window)
		return 0
	case wmEnd:
		n.done = true
		n.close()
		return 1
	case wmClose:
		n.finish(dialog.Cancel)
		return 1
	case wmMeasureItem:
		return n.measureRow(l)
	case wmDrawItem:
		return n.drawRow(l)
	case wmColourStatic:
		return n.colourOf(w, l)
	}
	return 0
}

// open makes the dialog, still invisible.
func (n *native) open(number uintptr) error {
	// The template is empty: build makes the controls, where sizes are known.
	template := struct {
		Style, Extended uint32
		Items           uint16
		X, Y, W, H      int16
		Rest            [3]uint16 // no menu, the usual class, no title
	}{Style: wsPopup | wsCaption | wsSystemMenu | dsModalFrame, Extended: wsExTopmost | wsExControlParent}
	window, err := createDialog(unsafe.Pointer(&template), number)
	if window == 0 {
		return err
	}
	return nil
}
