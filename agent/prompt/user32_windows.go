package prompt

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Messages, styles and other constants of user32 and gdi32 (winuser.h, wingdi.h).
const (
	wmEnd, wmNext, wmWithdraw                         = 0x8000, 0x8001, 0x8002 // ours, from WM_APP
	wmSetFont, wmClose, wmInitDialog, wmCommand       = 0x30, 0x10, 0x110, 0x111
	wmDrawItem, wmMeasureItem, wmColourStatic, wmCopy = 0x2b, 0x2c, 0x138, 0x301
	wmTimer, wmActivate, wmDestroy, wmNull            = 0x113, 6, 2, 0
	wmKeyFirst, wmKeyDown, wmKeyLast                  = 0x100, 0x100, 0x109
	wmSysKeyDown                                      = 0x104
	wmMouseFirst, wmMouseLast, wmNCMouse1, wmNCMouseN = 0x201, 0x20d, 0xa1, 0xa9
	emSetSelection, emLimitText, dmSetDefault         = 0xb1, 0xc5, 0x401
	lbAddString, lbSetSelection, lbGetSelection       = 0x180, 0x186, 0x188
	lbnDoubleClick                                    = 2

	wsPopup, wsCaption, wsSystemMenu, dsModalFrame = 0x80000000, 0xc00000, 0x80000, 0x80
	wsChild, wsVisible, wsTabStop                  = 0x40000000, 0x10000000, 0x10000
	wsBorder, wsVScroll                            = 0x800000, 0x200000
	wsExTopmost, wsExControlParent                 = 8, 0x10000
	ssNoPrefix, ssEditControl, bsDefault           = 0x80, 0x2000, 1
	esMultiline, esPassword, esAutoHScroll         = 4, 0x20, 0x80
	esReadOnly                                     = 0x800
	lbsNotify, lbsOwnerDrawVariable, lbsHasStrings = 1, 0x20, 0x40
	lbsNoIntegralHeight                            = 0x100

	dtCalcRect, dtWordBreak, dtNoPrefix, dtEditControl, dtEndEllipsis, dtSingleLine = 0x400, 0x10, 0x800, 0x2000, 0x8000, 0x20

	idOK, idCancel, idList, idEntry, idBody, idButton = 1, 2, 100, 101, 102, 200

	colourFace, colourFaceText                         = 15, 18
	colourWindow, colourText                           = 5, 8
	colourHighlight, colourHighlightText               = 13, 14
	odsSelected, odsFocus                              = 1, 0x10
	swpNoZOrder, swShow, flashAll, untilInFront        = 4, 5, 3, 12
	scrollWidth                                        = 2       // SM_CXVSCROLL
	swpNoSize, swpNoMove, bottom                       = 1, 2, 1 // bottom is HWND_BOTTOM
	ssOwnerDraw, ssEtchedFrame                         = 0xd, 0x12
	keyCapital, keyReturn                              = 0x14, 0x0d
	alertColour                                 uint32 = 0x1c1cc0 // red, as 0x00bbggrr
)

var (
	user32   = windows.NewLazySystemDLL("user32.dll")
	gdi32    = windows.NewLazySystemDLL("gdi32.dll")
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")

	procCreateDialog    = user32.NewProc("CreateDialogIndirectParamW")
	procCreateWindow    = user32.NewProc("CreateWindowExW")
	procDestroyWindow   = user32.NewProc("DestroyWindow")
	procGetMessage      = user32.NewProc("GetMessageW")
	procIsDialogMessage = user32.NewProc("IsDialogMessageW")
	procTranslate       = user32.NewProc("TranslateMessage")
	procDispatch        = user32.NewProc("DispatchMessageW")
	procPost            = user32.NewProc("PostMessageW")
	procPostThread      = user32.NewProc("PostThreadMessageW")
	procSetTimer        = user32.NewProc("SetTimer")
	procKillTimer       = user32.NewProc("KillTimer")
	procSend            = user32.NewProc("SendMessageW")
	procSetText         = user32.NewProc("SetWindowTextW")
	procGetText         = user32.NewProc("GetWindowTextW")
	procSetProp         = user32.NewProc("SetPropW")
	procGetProp         = user32.NewProc("GetPropW")
	procRemoveProp      = user32.NewProc("RemovePropW")
	procSetFocus        = user32.NewProc("SetFocus")
	procShow            = user32.NewProc("ShowWindow")
	procSetPos          = user32.NewProc("SetWindowPos")
	procGetRect         = user32.NewProc("GetWindowRect")
	procGetClient       = user32.NewProc("GetClientRect")
	procInvalidate      = user32.NewProc("InvalidateRect")
	procMetrics         = user32.NewProc("GetSystemMetrics")
	procLoadImage       = user32.NewProc("LoadImageW")
	procMonitor         = user32.NewProc("MonitorFromWindow")
	procMonitorInfo     = user32.NewProc("GetMonitorInfoW")
	procForeground      = user32.NewProc("GetForegroundWindow")
	procSetForeground   = user32.NewProc("SetForegroundWindow")
	procThreadOf        = user32.NewProc("GetWindowThreadProcessId")
	procAttachInput     = user32.NewProc("AttachThreadInput")
	procIsHung          = user32.NewProc("IsHungAppWindow")
	procFlash           = user32.NewProc("FlashWindowEx")
	procDPI             = user32.NewProc("GetDpiForWindow")
	procAwareness       = user32.NewProc("SetThreadDpiAwarenessContext")
	procGetDC           = user32.NewProc("GetDC")
	procReleaseDC       = user32.NewProc("ReleaseDC")
	procDrawText        = user32.NewProc("DrawTextW")
	procFill            = user32.NewProc("FillRect")
	procSysBrush        = user32.NewProc("GetSysColorBrush")
	procSysColour       = user32.NewProc("GetSysColor")
	procDrawFocus       = user32.NewProc("DrawFocusRect")
	procFont            = gdi32.NewProc("CreateFontW")
	procSelect          = gdi32.NewProc("SelectObject")
	procDelete          = gdi32.NewProc("DeleteObject")
	procTextColour      = gdi32.NewProc("SetTextColor")
	procBkMode          = gdi32.NewProc("SetBkMode")
	procThread          = kernel32.NewProc("GetCurrentThreadId")
	procTicks           = kernel32.NewProc("GetTickCount")
	procModule          = kernel32.NewProc("GetModuleHandleW")
	procMove            = kernel32.NewProc("RtlMoveMemory")

	dialogProcedure = windows.NewCallback(dialogProc)
)

type rect struct{ Left, Top, Right, Bottom int32 }

// message is a MSG.
type message struct {
	Window  uintptr
	Message uint32
	W, L    uintptr
	Time    uint32
	X, Y    int32
	Private uint32
}

func isInput(m uint32) bool {
	return m >= wmKeyFirst && m <= wmKeyLast || m >= wmMouseFirst && m <= wmMouseLast || m >= wmNCMouse1 && m <= wmNCMouseN
}

func send(window uintptr, message uint32, w, l uintptr) uintptr {
	answer, _, _ := procSend.Call(window, uintptr(message), w, l)
	return answer
}

func isKey(m uint32) bool { return m >= wmKeyFirst && m <= wmKeyLast }

// isTyped reports a key that writes a character, or Enter, which would send a PIN.
func isTyped(m message) bool {
	const space, zero, z, numpad0, divide, firstSign = 0x20, 0x30, 0x5a, 0x60, 0x6f, 0xba
	return m.Message == wmKeyDown && (m.W == keyReturn || m.W == space || m.W >= zero && m.W <= z || m.W >= numpad0 && m.W <= divide || m.W >= firstSign)
}

// isPress reports whether a message of isInput is a key or button pressed down.
func isPress(m uint32) bool {
	switch m {
	case wmKeyDown, wmSysKeyDown, 0x201, 0x203, 0x204, 0x206, 0x207, 0x209, 0x20b, 0x20d, 0xa1, 0xa3, 0xa4, 0xa6, 0xa7, 0xa9:
		return true // of the mouse: left, right, middle and other buttons, single and double; then those on the frame
	}
	return false
}

// wide is text in the system's form, which must not hold a zero.
func wide(text string) *uint16 {
	p, err := windows.UTF16PtrFromString(text)
	if err != nil {
		p, _ = windows.UTF16PtrFromString("\uFFFD")
	}
	return p
}

func sendText(window uintptr, message uint32, text string) {
	_, _, _ = procSend.Call(window, uintptr(message), 0, uintptr(unsafe.Pointer(wide(text))))
}

func setText(window uintptr, text string) {
	_, _, _ = procSetText.Call(window, uintptr(unsafe.Pointer(wide(text))))
}

// readText reads an entry without making a string of it, and leaves no other copy.
func readText(edit uintptr, most int) []byte {
	buffer := make([]uint16, most+1)
	defer clear(buffer)
	count, _, _ := procGetText.Call(edit, uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
	text := make([]byte, 0, utf8.UTFMax*len(buffer)) // never grows, so never copied
	for i := 0; i < int(count); i++ {
		r := rune(buffer[i])
		if utf16.IsSurrogate(r) && i+1 < int(count) {
			i++
			r = utf16.DecodeRune(r, rune(buffer[i]))
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

var numberName = wide("CPxBridgeDialog")

func setNumber(window, number uintptr) {
	_, _, _ = procSetProp.Call(window, uintptr(unsafe.Pointer(numberName)), number)
}

func numberOf(window uintptr) uintptr {
	number, _, _ := procGetProp.Call(window, uintptr(unsafe.Pointer(numberName)))
	return number
}

// forgetNumber is due before a window is destroyed: the system would keep the property.
func forgetNumber(window uintptr) {
	_, _, _ = procRemoveProp.Call(window, uintptr(unsafe.Pointer(numberName)))
}

func createDialog(template unsafe.Pointer, number uintptr) (uintptr, error) {
	window, _, err := procCreateDialog.Call(0, uintptr(template), 0, dialogProcedure, number)
	return window, err
}

func createControl(class, text string, style, id uint32, parent uintptr, x, y, width, height int32) uintptr {
	control, _, _ := procCreateWindow.Call(0, uintptr(unsafe.Pointer(wide(class))), uintptr(unsafe.Pointer(wide(text))),
		uintptr(wsChild|wsVisible|style), uintptr(x), uintptr(y), uintptr(width), uintptr(height), parent, uintptr(id), 0, 0)
	return control
}

const quietTimer, readTimer = 1, 2

func setTimer(window, timer uintptr, ms int) {
	_, _, _ = procSetTimer.Call(window, timer, uintptr(ms), 0)
}

func stopTimer(window, timer uintptr) { _, _, _ = procKillTimer.Call(window, timer) }

func inFront(window uintptr) bool {
	front, _, _ := procForeground.Call()
	return front == window
}

func destroy(window uintptr) { _, _, _ = procDestroyWindow.Call(window) }

func setFocus(window uintptr) { _, _, _ = procSetFocus.Call(window) }

func currentThread() uintptr {
	id, _, _ := procThread.Call()
	return id
}

// ticks is the clock by which the system says when a message came (GetTickCount), in
// milliseconds; it begins anew each 49 days.
func ticks() uint32 {
	now, _, _ := procTicks.Call()
	return uint32(now)
}

func post(window uintptr, message uint32) { _, _, _ = procPost.Call(window, uintptr(message), 0, 0) }

// wake has the calling thread's nextMessage return, if only with a message that says nothing.
func wake() { _, _, _ = procPostThread.Call(currentThread(), wmNull, 0, 0) }

// nextMessage waits for a message; false means the one that ends the thread.
func nextMessage(m *message) (bool, error) {
	got, _, err := procGetMessage.Call(uintptr(unsafe.Pointer(m)), 0, 0, 0)
	if int32(got) < 0 {
		return false, errors.Join(errors.New("GetMessage"), err)
	}
	return got != 0, nil
}

func isDialogMessage(window uintptr, m *message) bool {
	is, _, _ := procIsDialogMessage.Call(window, uintptr(unsafe.Pointer(m)))
	return is != 0
}

func dispatch(m *message) {
	_, _, _ = procTranslate.Call(uintptr(unsafe.Pointer(m)))
	_, _, _ = procDispatch.Call(uintptr(unsafe.Pointer(m)))
}
