package prompt

import "unsafe"

// perMonitor makes the thread's windows sharp on every screen, where the system can
// (Windows 10 and later); the returned function undoes that.
func perMonitor() func() {
	if procAwareness.Find() != nil {
		return func() {}
	}
	for _, context := range []uintptr{^uintptr(3), ^uintptr(2)} { // per monitor version 2 (-4), then 1 (-3)
		if before, _, _ := procAwareness.Call(context); before != 0 {
			return func() { _, _, _ = procAwareness.Call(before) }
		}
	}
	return func() {}
}

func dpiOf(window uintptr) int32 {
	if procDPI.Find() == nil {
		if dpi, _, _ := procDPI.Call(window); dpi != 0 {
			return int32(dpi)
		}
	}
	return 96
}

func font(height int32, bold bool) uintptr {
	weight := uintptr(400)
	if bold {
		weight = 700
	}
	const clearType = 5
	f, _, _ := procFont.Call(uintptr(-height), 0, 0, 0, weight, 0, 0, 0, 1, 0, 0, clearType, 0, uintptr(unsafe.Pointer(wide("Segoe UI"))))
	return f
}

func freeFont(font uintptr) { _, _, _ = procDelete.Call(font) }

// drawText draws, or with dtCalcRect measures.
func drawText(dc, font uintptr, text string, box *rect, flags uint32) int32 {
	before, _, _ := procSelect.Call(dc, font)
	height, _, _ := procDrawText.Call(dc, uintptr(unsafe.Pointer(wide(text))), ^uintptr(0), uintptr(unsafe.Pointer(box)), uintptr(flags))
	_, _, _ = procSelect.Call(dc, before)
	return int32(height)
}

// textSize is the height of a text broken into lines of that width.
func textSize(window, font uintptr, text string, width int32) int32 {
	dc, _, _ := procGetDC.Call(window)
	box := rect{Right: width}
	height := drawText(dc, font, text, &box, dtCalcRect|dtWordBreak|dtNoPrefix|dtEditControl)
	_, _, _ = procReleaseDC.Call(window, dc)
	return height
}

// lineWidth is the width of the longest of the texts on one line.
func lineWidth(window, font uintptr, texts ...string) (widest int32) {
	dc, _, _ := procGetDC.Call(window)
	for _, text := range texts {
		box := rect{}
		if text != "" {
			drawText(dc, font, text, &box, dtCalcRect|dtSingleLine)
		}
		widest = max(widest, box.Right)
	}
	_, _, _ = procReleaseDC.Call(window, dc)
	return widest
}

// workArea is the part of a screen that the task bar does not cover: of the screen with
// the window in front, where the person looks, else of the first one.
func workArea() rect {
	front, _, _ := procForeground.Call()
	const orFirst = 1
	monitor, _, _ := procMonitor.Call(front, orFirst)
	info := struct {
		Size         uint32
		Screen, Work rect
		Flags        uint32
	}{}
	info.Size = uint32(unsafe.Sizeof(info))
	if ok, _, _ := procMonitorInfo.Call(monitor, uintptr(unsafe.Pointer(&info))); ok == 0 {
		width, _, _ := procMetrics.Call(0)
		height, _, _ := procMetrics.Call(1)
		return rect{Right: int32(width), Bottom: int32(height)}
	}
	return info.Work
}

// moveTo moves a window that is not shown yet into an area, so that its scale is that of
// the area's screen.
func moveTo(window uintptr, area rect) {
	_, _, _ = procSetPos.Call(window, 0, uintptr(area.Left), uintptr(area.Top), 0, 0, swpNoZOrder|swpNoSize)
}

// fit gives a window that size inside, in the middle of the area, or where it stands
// already as far as the area allows.
func fit(window uintptr, area rect, width, height int32, stands bool) {
	var outer, inner rect
	_, _, _ = procGetRect.Call(window, uintptr(unsafe.Pointer(&outer)))
	_, _, _ = procGetClient.Call(window, uintptr(unsafe.Pointer(&inner)))
	width += outer.Right - outer.Left - inner.Right
	height += outer.Bottom - outer.Top - inner.Bottom
	x := area.Left + max(0, (area.Right-area.Left-width)/2)
	y := area.Top + max(0, (area.Bottom-area.Top-height)/2)
	if stands {
		x, y = outer.Left, outer.Top
		if y+height > area.Bottom && y >= area.Top && y < area.Bottom {
			y = max(area.Top, area.Bottom-height)
		}
	}
	_, _, _ = procSetPos.Call(window, 0, uintptr(x), uintptr(y), uintptr(width), uintptr(height), swpNoZOrder)
	_, _, _ = procInvalidate.Call(window, 0, 1)
}

// showInFront shows a window and gives it the keyboard. Windows allows only the
// program in front to pass the keyboard on, so the thread joins that program's input
// for a moment, unless it hangs. Where all of that is refused, the window is still
// above all others, and its button in the task bar blinks.
func showInFront(window uintptr) {
	front, _, _ := procForeground.Call()
	thread := currentThread()
	joined := uintptr(0)
	if front != 0 {
		other, _, _ := procThreadOf.Call(front, 0)
		if hung, _, _ := procIsHung.Call(front); hung == 0 && other != 0 && other != thread {
			if ok, _, _ := procAttachInput.Call(thread, other, 1); ok != 0 {
				joined = other
			}
		}
	}
	// Twice: of a program's first call Windows takes no order, where whoever started the
	// program asked for its window to be hidden or small (ShowWindow, STARTUPINFO), as
	// scripts that install silently do.
	_, _, _ = procShow.Call(window, swShow)
	_, _, _ = procShow.Call(window, swShow)
	_, _, _ = procSetForeground.Call(window)
	if joined != 0 {
		_, _, _ = procAttachInput.Call(thread, joined, 0)
	}
	if now, _, _ := procForeground.Call(); now != window {
		info := struct {
			Size                  uint32
			Window                uintptr
			Flags, Count, Timeout uint32
		}{Window: window, Flags: flashAll | untilInFront}
		info.Size = uint32(unsafe.Sizeof(info))
		_, _, _ = procFlash.Call(uintptr(unsafe.Pointer(&info)))
	}
}

// Of LoadImageW and WM_SETICON (winuser.h). ownIcon is the number of the program's icon
// in its resources.
const (
	ownIcon, warningIcon, typeIcon, sharedImage = 1, 32515, 1, 0x8000
	wmSetIcon, smallIcon, bigIcon               = 0x80, 0, 1
	smallIconWidth, bigIconWidth                = 49, 11
	ssIcon, ssRealSize, stmSetIcon              = 3, 0x800, 0x170
)

// setIcons shows whose dialog it is in the task bar. A program without resources has no
// icon there.
func setIcons(window uintptr) {
	module, _, _ := procModule.Call(0)
	for which, metric := range map[uintptr]uintptr{smallIcon: smallIconWidth, bigIcon: bigIconWidth} {
		size, _, _ := procMetrics.Call(metric)
		if icon, _, _ := procLoadImage.Call(module, ownIcon, typeIcon, size, size, sharedImage); icon != 0 {
			send(window, wmSetIcon, which, icon)
		}
	}
}

// warningSign shows the system's warning.
func (n *native) warningSign(x, y int32) { n.sign(0, warningIcon, x, y, n.px(signSize)) }

// icon shows the program's own icon, which a program without resources has not.
func (n *native) icon(x, y, size int32) bool {
	module, _, _ := procModule.Call(0)
	return n.sign(module, ownIcon, x, y, size)
}

func (n *native) sign(module, which uintptr, x, y, size int32) bool {
	icon, _, _ := procLoadImage.Call(module, which, typeIcon, uintptr(size), uintptr(size), sharedImage)
	if icon == 0 {
		return false
	}
	control := n.control("STATIC", "", ssIcon|ssRealSize, 0, n.plain, x, y, size, size)
	send(control, stmSetIcon, icon, 0)
	return true
}

const transparent = 1

// alertText is red where that is legible: not on a dark background, such as that of a
// high-contrast theme.
func alertText() uint32 {
	face, _, _ := procSysColour.Call(colourFace)
	if face&0xff+face>>8&0xff+face>>16&0xff < 3*0xa0 {
		text, _, _ := procSysColour.Call(colourFaceText)
		return uint32(text)
	}
	return alertColour
}

func paintText(dc uintptr, colour uint32) uintptr {
	_, _, _ = procTextColour.Call(dc, uintptr(colour))
	_, _, _ = procBkMode.Call(dc, transparent)
	brush, _, _ := procSysBrush.Call(colourFace)
	return brush
}

// item is a DRAWITEMSTRUCT.
type item struct {
	Kind, ID, Item, Action, State uint32
	Window, DC                    uintptr
	Box                           rect
	Data                          uintptr
}

// drawnItem copies what the system points to: its memory is not Go's.
func drawnItem(l uintptr) (i item) {
	_, _, _ = procMove.Call(uintptr(unsafe.Pointer(&i)), l, unsafe.Sizeof(i))
	return i
}

// measuredRow is itemID, the third number of a MEASUREITEMSTRUCT.
func measuredRow(l uintptr) int {
	var i uint32
	_, _, _ = procMove.Call(uintptr(unsafe.Pointer(&i)), l+2*4, unsafe.Sizeof(i))
	return int(i)
}

// setRowHeight sets itemHeight, the fifth number of a MEASUREITEMSTRUCT.
func setRowHeight(l uintptr, height uint32) {
	_, _, _ = procMove.Call(l+4*4, uintptr(unsafe.Pointer(&height)), unsafe.Sizeof(height))
}

func (i item) background() {
	back, text := uintptr(colourWindow), uintptr(colourText)
	if i.State&odsSelected != 0 {
		back, text = colourHighlight, colourHighlightText
	}
	brush, _, _ := procSysBrush.Call(back)
	_, _, _ = procFill.Call(i.DC, uintptr(unsafe.Pointer(&i.Box)), brush)
	colour, _, _ := procSysColour.Call(text)
	_, _, _ = procTextColour.Call(i.DC, colour)
	_, _, _ = procBkMode.Call(i.DC, transparent)
}

// plain is the background of a text on the dialog.
func (i item) plain() {
	brush, _, _ := procSysBrush.Call(colourFace)
	_, _, _ = procFill.Call(i.DC, uintptr(unsafe.Pointer(&i.Box)), brush)
	colour, _, _ := procSysColour.Call(colourFaceText)
	_, _, _ = procTextColour.Call(i.DC, colour)
	_, _, _ = procBkMode.Call(i.DC, transparent)
}

// text draws a text into the box, and shortens it where the box ends.
func (i item) text(font uintptr, text string, box rect) {
	drawText(i.DC, font, text, &box, dtWordBreak|dtNoPrefix|dtEditControl|dtEndEllipsis)
}

func (i item) focus() {
	if i.State&odsFocus != 0 {
		_, _, _ = procDrawFocus.Call(i.DC, uintptr(unsafe.Pointer(&i.Box)))
	}
}
