package prompt

import (
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// native is one window, made of the system's own controls, which asks one question after
// the other. It is for the thread that shows it, but for questions, which are handed over.
type native struct {
	questions chan *question
	cancelled func()        // by the person, while nothing was asked
	dead      chan struct{} // closed when the window is gone

	current *question // that is being asked; nil: none
	request dialog.Request
	most    int // the longest entry; 0: no entry

	window                      uintptr
	parts                       []uintptr // its controls
	list, edit, body, site      uintptr
	plain, strong, large, small uintptr // fonts
	domain, final               uintptr
	dpi                         int32
	area                        rect               // of the screen, for the dialog
	colours                     map[uintptr]uint32 // of texts in another colour than usual
	buttons                     []uintptr
	focus                       uintptr
	note                        note
	capsLock                    string // what is said of it
	shown                       bool
	ready, closed               bool
	pressed                     bool    // something was, since the last question was answered
	ahead                       bool    // some of that was typed
	unread                      bool    // a warning came while a PIN was being typed
	visible                     uint32  // when the question became so, on the clock of ticks
	system                      uintptr // the entry's procedure before ours
	own                         bool    // we ourselves read or write the entry
	log                         *slog.Logger
}

// question is one request and its answer.
type question struct {
	request dialog.Request
	most    int
	reply   chan reply // receives once
}

type reply struct {
	answer string
	row    int
	pin    []byte
}

// shownNow are the open windows by number, for the system's callbacks: Go pointers
// must not be passed to the system.
var (
	shownNow   sync.Map
	lastNumber atomic.Uintptr
)

// longestPIN is longer than any card's PIN, for cards that state no length.
const longestPIN = 64

// startNative opens a window, which is not shown before its first question.
func startNative(log *slog.Logger, cancelled func()) (*native, error) {
	n := &native{questions: make(chan *question, 1), cancelled: cancelled, dead: make(chan struct{}), log: log}
	opened := make(chan error, 1)
	go n.serve(opened)
	return n, <-opened
}

// serve is the window's thread.
func (n *native) serve(opened chan<- error) {
	runtime.LockOSThread() // a window belongs to its thread
	defer runtime.UnlockOSThread()
	defer close(n.dead)
	defer perMonitor()()
	number := lastNumber.Add(1)
	shownNow.Store(number, n)
	defer shownNow.Delete(number)
	defer n.freeFonts()
	err := n.open(number)
	opened <- err
	if err != nil {
		return
	}
	if err := n.loop(); err != nil {
		n.log.Warn("the window's messages ended", "error", err)
	}
	n.close()
}

// loop serves the window until it is closed. It waits for messages even while the person
// moves it.
func (n *native) loop() error {
	var m message
	for !n.closed {
		more, err := nextMessage(&m)
		if err != nil {
			return err
		}
		if !more { // WM_QUIT: the thread has to end
			return nil
		}
		n.notePress(m)
		if !n.swallows(m.Message) && !isDialogMessage(n.window, &m) {
			dispatch(&m)
		}
		if isKey(m.Message) {
			n.showCapsLock()
		}
	}
	return nil
}

// notePress notes a key or click that no question had yet. The system delivers input after
// the messages that are posted, so that what was pressed before a question may come when it
// stands already.
func (n *native) notePress(m message) {
	switch {
	case !isInput(m.Message) || !isPress(m.Message):
	case n.current == nil:
		n.pressed, n.ahead = true, n.ahead || isTyped(m)
	case int32(m.Time-n.visible) < 0:
		if isTyped(m) {
			n.sayEarly()
		}
		n.awaitQuiet()
	case n.unread:
		n.awaitRead()
	}
}

// next asks the question that was handed over, in the place of what the window shows.
func (n *native) next() {
	select {
	case q := <-n.questions:
		n.current = q
		n.become(q.request, q.most)
	default:
	}
}

// become shows a request. Who has answered in this window waits for the next question and
// reads it: there is no second quiet time, unless something was pressed while nothing was
// asked, however slowly: the rest of a PIN must not be taken for one. An entry that goes on
// had all of that.
func (n *native) become(r dialog.Request, most int) {
	first, goesOn := !n.shown, n.edit != 0 && r.Entry != nil && r.Entry.Continues
	warns := r.Final != "" && n.request.Final == ""
	n.request, n.most, n.unread = r, most, n.unread && goesOn
	n.build()
	if goesOn && warns && n.typed() > 0 {
		n.awaitRead()
	}
	switch {
	case first:
		n.show()
		n.visible, n.pressed, n.ahead = ticks(), false, false // its quiet time has begun
		return
	case !r.Busy && !inFront(n.window):
		showInFront(n.window) // which begins a quiet time, as the window becomes active
	}
	setFocus(n.focus)
	if !goesOn {
		n.visible = ticks()
	}
	switch {
	case r.Busy:
		n.log.Debug("the dialog asks nothing")
	case r.Quiet == 0:
		n.acceptInput()
	case n.pressed && !goesOn:
		if n.ahead {
			n.sayEarly()
		}
		n.awaitQuiet()
	case n.ready:
		n.acceptInput()
	}
	n.pressed, n.ahead = n.pressed && r.Busy, n.ahead && r.Busy
}

// withdraw takes a question back that was not answered. An entry stands as it is: what is
// said beside it may be renewed, and what was typed remains.
func (n *native) withdraw() {
	r := n.request
	if n.current == nil { // it was answered meanwhile
		return
	}
	n.current = nil
	switch {
	case r.Entry != nil && r.Then != nil:
	case r.Then != nil:
		n.become(*r.Then, 0)
	default:
		n.close()
	}
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
	if n.request.Quiet == 0 || !n.shown || n.closed {
		return
	}
	n.log.Debug("the dialog waits for quiet")
	n.ready = false
	setTimer(n.window, quietTimer, n.request.Quiet) // replaces a running one
}

// awaitRead lets what was typed before a warning came not be sent before the person can have
// read it: a digit that is typed meanwhile counts, Enter does not.
func (n *native) awaitRead() {
	if n.request.Quiet == 0 {
		return
	}
	n.unread = true
	setTimer(n.window, readTimer, n.request.Quiet)
}

// onTimer is the end of a time without keys and clicks.
func (n *native) onTimer(timer uintptr) {
	if timer == readTimer {
		stopTimer(n.window, readTimer)
		n.unread = false
		return
	}
	n.onQuiet()
}

// onQuiet runs at the end of that while. Without the keyboard the dialog goes on
// swallowing: awaitQuiet runs again when it gets the keyboard.
func (n *native) onQuiet() {
	stopTimer(n.window, quietTimer)
	n.sayAway(!inFront(n.window))
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
	case id == idOK && n.current == nil: // nothing is asked
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
	from := n.body
	if b.Copies != "" {
		// The system copies from a control: one without a size shows nothing.
		from = n.control("EDIT", "", esMultiline, 0, n.plain, 0, 0, 0, 0)
		setText(from, strings.ReplaceAll(b.Copies, "\n", "\r\n"))
		defer destroy(from)
	}
	send(from, emSetSelection, 0, ^uintptr(0))
	send(from, wmCopy, 0, 0)
	setText(n.buttons[i], b.Done)
}

// finish answers the question, and goes on to what the window shows then.
func (n *native) finish(answer string) {
	q := n.current
	if q == nil { // nothing is asked, or what was asked was taken back
		if answer == dialog.Cancel {
			n.close()
			n.cancelled()
		}
		return
	}
	got := reply{answer: answer}
	if answer == dialog.OK {
		var ok bool
		if got.row, ok = n.chosenRow(); !ok {
			return
		}
		if n.edit != 0 {
			if n.unread || !n.rightLength() {
				return
			}
			got.pin = n.readEntry()
		}
	}
	n.current = nil
	then := n.request.Then
	if answer == dialog.OK && then != nil {
		n.become(*then, 0)
	} else {
		n.close()
	}
	q.reply <- got
}

// chosenRow is the row that is chosen, where there are rows.
func (n *native) chosenRow() (row int, ok bool) {
	if n.list == 0 {
		return 0, true
	}
	row = int(int32(send(n.list, lbGetSelection, 0, 0)))
	return row, row >= 0 && row < len(n.request.Rows)
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
		return 0 // become makes the controls
	case wmNext:
		n.next()
		return 1
	case wmWithdraw:
		n.withdraw()
		return 1
	case wmCommand:
		n.command(uint32(w&0xffff), uint32(w>>16&0xffff))
		return 1
	case wmTimer:
		n.onTimer(w)
		return 1
	case wmActivate: // activated or deactivated; the system does the rest
		if w&0xffff != 0 {
			n.sayAway(false)
		}
		n.awaitQuiet()
		n.showCapsLock()
		return 0
	case wmDestroy:
		forgetNumber(window)
		return 0
	case wmEnd:
		n.close()
		return 1
	case wmClose:
		n.finish(dialog.Cancel)
		return 1
	case wmMeasureItem:
		return n.measureRow(l)
	case wmDrawItem:
		if drawnItem(l).Window == n.site {
			return n.drawSite(l)
		}
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
