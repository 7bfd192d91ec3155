package desktop

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Messages (winuser.h); wmStop and wmServices are ours, from WM_APP on.
const (
	wmClose                         = 0x10
	wmQueryEndSession, wmEndSession = 0x11, 0x16
	wmPowerBroadcast                = 0x218
	wmSessionChange                 = 0x2b1
	wmStop, wmServices              = 0x8000, 0x8001
)

const forThisSession = 0 // NOTIFY_FOR_THIS_SESSION

var (
	user32   = windows.NewLazySystemDLL("user32.dll")
	wtsapi32 = windows.NewLazySystemDLL("wtsapi32.dll")

	procRegisterClass   = user32.NewProc("RegisterClassExW")
	procCreateWindow    = user32.NewProc("CreateWindowExW")
	procDestroyWindow   = user32.NewProc("DestroyWindow")
	procDefault         = user32.NewProc("DefWindowProcW")
	procGetMessage      = user32.NewProc("GetMessageW")
	procDispatch        = user32.NewProc("DispatchMessageW")
	procPost            = user32.NewProc("PostMessageW")
	procPostQuit        = user32.NewProc("PostQuitMessage")
	procRegisterSession = wtsapi32.NewProc("WTSRegisterSessionNotification")
	procUnregister      = wtsapi32.NewProc("WTSUnRegisterSessionNotification")

	windowProcedure = windows.NewCallback(windowProc)
)

// windowClass is a WNDCLASSEXW.
type windowClass struct {
	Size, Style                        uint32
	Procedure                          uintptr
	ClassExtra, WindowExtra            int32
	Instance, Icon, Cursor, Background uintptr
	Menu, Name                         *uint16
	SmallIcon                          uintptr
}

// windowMessage is a MSG.
type windowMessage struct {
	Window  windows.HWND
	Message uint32
	W, L    uintptr
	Time    uint32
	X, Y    int32
	Private uint32
}

// registerClass makes the class once in this process.
var registerClass = sync.OnceValues(func() (*uint16, error) {
	name, err := windows.UTF16PtrFromString(WindowClass)
	if err != nil {
		return nil, err
	}
	class := windowClass{Procedure: windowProcedure, Name: name}
	class.Size = uint32(unsafe.Sizeof(class))
	if ok, _, err := procRegisterClass.Call(uintptr(unsafe.Pointer(&class))); ok == 0 {
		return nil, fmt.Errorf("RegisterClassEx: %w", err)
	}
	return name, nil
})

// createWindow makes a window of the calling thread that is never shown. It is a top-level
// one: a message-only window hears of neither power nor the session's end.
func createWindow(w *watch) (windows.HWND, error) {
	class, err := registerClass()
	if err != nil {
		return 0, err
	}
	title, err := windows.UTF16PtrFromString("CPx Bridge") // shown by Windows where it waits for an answer
	if err != nil {
		return 0, err
	}
	created, _, err := procCreateWindow.Call(0, uintptr(unsafe.Pointer(class)), uintptr(unsafe.Pointer(title)), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if created == 0 {
		return 0, fmt.Errorf("CreateWindowEx: %w", err)
	}
	window := windows.HWND(created)
	remember(window, w)
	return window, nil
}

// pump serves the calling thread's window until it is gone.
func pump() {
	var m windowMessage
	for {
		more, _, _ := procGetMessage.Call(uintptr(unsafe.Pointer(&m)), 0, 0, 0)
		if int32(more) <= 0 { // WM_QUIT, or an error
			return
		}
		_, _, _ = procDispatch.Call(uintptr(unsafe.Pointer(&m)))
	}
}

func windowProc(window windows.HWND, m uint32, wParam, lParam uintptr) uintptr {
	if w := watchOf(window); w != nil {
		if answer, handled := w.received(window, m, wParam); handled {
			return answer
		}
	}
	answer, _, _ := procDefault.Call(uintptr(window), uintptr(m), wParam, lParam)
	return answer
}

// destroy ends the window, and pump with it.
func destroy(window windows.HWND) {
	_, _, _ = procUnregister.Call(uintptr(window))
	_, _, _ = procDestroyWindow.Call(uintptr(window))
	_, _, _ = procPostQuit.Call(0)
}

func post(window windows.HWND, m uint32) { _, _, _ = procPost.Call(uintptr(window), uintptr(m), 0, 0) }

func registerSession(window windows.HWND) error {
	if err := procRegisterSession.Find(); err != nil {
		return err
	}
	if ok, _, err := procRegisterSession.Call(uintptr(window), forThisSession); ok == 0 {
		return fmt.Errorf("WTSRegisterSessionNotification: %w", err)
	}
	return nil
}

// openReadyEvent opens the event that is set once Remote Desktop Services are ready.
func openReadyEvent() (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(`Global\TermSrvReadyEvent`)
	if err != nil {
		return 0, err
	}
	return windows.OpenEvent(windows.SYNCHRONIZE, false, name)
}
