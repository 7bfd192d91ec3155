package notify

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Windows shows the note of an icon beside the clock, as a balloon or, since Windows 10,
// as one of its own notifications (Shell_NotifyIconW). A notification that stays in the
// list of the system needs a shortcut with an identity in the start menu, which an agent
// that was only copied has not: so each note has an icon of its own, for as long as it is
// shown.
//
// The menu's icon is not used: it is another process's, and with --no-tray there is none.

// longest is how long a note may be shown: Windows itself may wait for a person who is
// away.
const longest = 10 * time.Minute

// The longest texts in characters, without the zero (NOTIFYICONDATAW).
const (
	maxTitle = 63
	maxBody  = 255
)

// notifyIconData is NOTIFYICONDATAW.
type notifyIconData struct {
	size        uint32
	window      uintptr
	id, flags   uint32
	message     uint32
	icon        uintptr
	tip         [128]uint16
	state, mask uint32
	info        [maxBody + 1]uint16
	version     uint32
	title       [maxTitle + 1]uint16
	infoFlags   uint32
	item        windows.GUID
	balloonIcon uintptr
}

// Of Shell_NotifyIconW and its messages (shellapi.h, winuser.h).
const (
	iconAdd, iconDelete                               = 0, 2
	hasMessage, hasIcon, hasTip, hasInfo              = 1, 2, 4, 0x10
	infoOfIcon                                        = 4 // the icon of the balloon is icon
	balloonHidden, balloonTimeout, balloonClicked     = 0x403, 0x404, 0x405
	wmClose, wmTimer, wmNote                          = 0x10, 0x113, 0x8001 // wmNote is ours
	ownIcon, systemIcon, typeIcon, sharedIcon, noSize = 1, 32516, 1, 0x8000, 0x40
)

var (
	user32  = windows.NewLazySystemDLL("user32.dll")
	shell32 = windows.NewLazySystemDLL("shell32.dll")

	procNotify   = shell32.NewProc("Shell_NotifyIconW")
	procRegister = user32.NewProc("RegisterClassExW")
	procCreate   = user32.NewProc("CreateWindowExW")
	procDestroy  = user32.NewProc("DestroyWindow")
	procDefault  = user32.NewProc("DefWindowProcW")
	procMessage  = user32.NewProc("GetMessageW")
	procDispatch = user32.NewProc("DispatchMessageW")
	procPost     = user32.NewProc("PostMessageW")
	procQuit     = user32.NewProc("PostQuitMessage")
	procTimer    = user32.NewProc("SetTimer")
	procLoad     = user32.NewProc("LoadImageW")
)

// class is the class of the windows behind the notes' icons.
var class = sync.OnceValues(func() (*uint16, error) {
	name, err := windows.UTF16PtrFromString("CPxBridgeNote")
	if err != nil {
		return nil, err
	}
	c := struct {
		size, style            uint32
		procedure              uintptr
		extra, windowExtra     int32
		instance, icon, cursor uintptr
		background             uintptr
		menu, name             *uint16
		small                  uintptr
	}{procedure: windows.NewCallback(procedure), instance: instance(), name: name}
	c.size = uint32(unsafe.Sizeof(c))
	if atom, _, err := procRegister.Call(uintptr(unsafe.Pointer(&c))); atom == 0 {
		return nil, err
	}
	return name, nil
})

// procedure is the system's callback for those windows: it ends their thread once the note
// is over.
func procedure(window uintptr, message uint32, w, l uintptr) uintptr {
	over := message == wmTimer || message == wmClose
	if message == wmNote {
		event := uint32(l & 0xffff)
		over = event == balloonHidden || event == balloonTimeout || event == balloonClicked
	}
	if over {
		_, _, _ = procQuit.Call(0)
		return 0
	}
	answer, _, _ := procDefault.Call(window, uintptr(message), w, l)
	return answer
}

func instance() uintptr {
	var module windows.Handle
	_ = windows.GetModuleHandleEx(0, nil, &module)
	return uintptr(module)
}

// shown are the notes that are shown now.
var shown = struct {
	mu        sync.Mutex
	windows   map[uintptr]struct{}
	withdrawn int // how often all were taken back
	ended     sync.WaitGroup
}{windows: map[uintptr]struct{}{}}

// Send shows the note.
func Send(ctx context.Context, n Note) (func(), error) {
	added := make(chan addition, 1)
	shown.mu.Lock()
	before := shown.withdrawn
	shown.mu.Unlock()
	shown.ended.Go(func() { show(n, before, added) })
	select {
	case a := <-added:
		return func() { retract(a) }, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// addition says how a note could be added.
type addition struct {
	window uintptr
	over   <-chan struct{} // closed when it is not shown any more
	err    error
}

// retract ends one note. The system may give the window of one that is over to another.
func retract(a addition) {
	shown.mu.Lock()
	select {
	case <-a.over:
	default:
		_, _, _ = procPost.Call(a.window, wmClose, 0, 0)
	}
	shown.mu.Unlock()
}

// withdraw takes back what is shown: nothing of an agent that has ended stays beside the
// clock.
func withdraw() {
	shown.mu.Lock()
	shown.withdrawn++
	for window := range shown.windows {
		_, _, _ = procPost.Call(window, wmClose, 0, 0)
	}
	shown.mu.Unlock()
	shown.ended.Wait()
}

// show shows a note until it is over, and says when it could be added. withdrawn is how
// often notes had been taken back when it was sent: one that is not open yet by then is
// taken back too.
func show(n Note, withdrawn int, added chan<- addition) {
	// A window belongs to its thread. It is never unlocked, and ends with the note: messages
	// may be in its queue still, such as the WM_QUIT of a balloon hidden at the very end.
	runtime.LockOSThread()
	window, err := open(withdrawn)
	if err != nil {
		added <- addition{err: fmt.Errorf("%w: %w", ErrUnsupported, err)}
		return
	}
	over := make(chan struct{})
	defer func() {
		shown.mu.Lock()
		delete(shown.windows, window)
		close(over)
		shown.mu.Unlock()
		_, _, _ = procDestroy.Call(window)
	}()
	data := notifyIconData{
		window: window, id: 1, flags: hasMessage | hasIcon | hasTip | hasInfo, message: wmNote,
		icon: icon(), infoFlags: infoOfIcon,
	}
	data.size = uint32(unsafe.Sizeof(data))
	fill(data.tip[:], "CPx Bridge")
	fill(data.title[:], visible.Short(n.Title, maxTitle))
	fill(data.info[:], visible.Short(n.Body, maxBody))
	if err := taskBar(iconAdd, &data); err != nil {
		added <- addition{err: fmt.Errorf("%w: Shell_NotifyIcon: %w", ErrUnsupported, err)} // no task bar yet, or any more
		return
	}
	defer func() { _ = taskBar(iconDelete, &data) }()
	added <- addition{window: window, over: over}
	_, _, _ = procTimer.Call(window, 1, uintptr(longest.Milliseconds()), 0)
	var m struct {
		window  uintptr
		message uint32
		w, l    uintptr
		time    uint32
		x, y    int32
		private uint32
	}
	for {
		if more, _, _ := procMessage.Call(uintptr(unsafe.Pointer(&m)), 0, 0, 0); int32(more) <= 0 {
			return
		}
		_, _, _ = procDispatch.Call(uintptr(unsafe.Pointer(&m)))
	}
}

// taskBar asks the task bar for something about an icon (Shell_NotifyIconW). A test plays one
// that does not answer.
var taskBar = func(what uintptr, icon *notifyIconData) error {
	if ok, _, err := procNotify.Call(what, uintptr(unsafe.Pointer(icon))); ok == 0 {
		return err
	}
	return nil
}

// open makes the window behind a note's icon, which is never shown.
func open(withdrawn int) (uintptr, error) {
	name, err := class()
	if err != nil {
		return 0, err
	}
	window, _, err := procCreate.Call(0, uintptr(unsafe.Pointer(name)), 0, 0, 0, 0, 0, 0, 0, 0, instance(), 0)
	if window == 0 {
		return 0, err
	}
	shown.mu.Lock()
	defer shown.mu.Unlock()
	if shown.withdrawn != withdrawn {
		_, _, _ = procDestroy.Call(window)
		return 0, context.Canceled
	}
	shown.windows[window] = struct{}{}
	return window, nil
}

// icon is the program's own, or the system's for information in a program without.
func icon() uintptr {
	if own, _, _ := procLoad.Call(instance(), ownIcon, typeIcon, 0, 0, noSize|sharedIcon); own != 0 {
		return own
	}
	system, _, _ := procLoad.Call(0, systemIcon, typeIcon, 0, 0, noSize|sharedIcon)
	return system
}

// fill copies a text with a zero at its end, and never half a character.
func fill(to []uint16, text string) {
	signs := utf16.Encode([]rune(text))
	if len(signs) >= len(to) {
		signs = signs[:len(to)-1]
		if last := signs[len(signs)-1]; last >= 0xd800 && last < 0xdc00 {
			signs = signs[:len(signs)-1]
		}
	}
	copy(to, signs)
}
