package prompt

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// Sizes in pixels at 96 dots an inch.
const (
	textWidth    = 468
	margin       = 16
	gap          = 10
	buttonHeight = 28
	buttonLeast  = 88
	entryHeight  = 23
	signSize     = 32 // of the warning beside alerts
	rowPadding   = 6
	listRows     = 4 // visible at once
	bodyHeight   = 280
	textHeight   = 12
)

func (n *native) px(size int32) int32 { return size * n.dpi / 96 }

// build makes the controls from top to bottom, in the order of the Tab key and
// of a screen reader: the text before an entry or a list is its name.
func (n *native) build() {
	r := n.request
	n.area = workArea()
	moveTo(n.window, n.area)
	n.dpi = dpiOf(n.window)
	n.plain, n.strong, n.large = font(n.px(textHeight), false), font(n.px(textHeight), true), font(n.px(textHeight*5/4), true)
	n.colours = map[uintptr]uint32{}
	setText(n.window, r.Title)
	setIcons(n.window)
	y := n.px(margin)
	indent := int32(0)
	put := func(text string, font uintptr, space int32) uintptr {
		if text == "" {
			return 0
		}
		width := n.px(textWidth - indent)
		height := textSize(n.window, font, text, width)
		control := n.control("STATIC", text, ssNoPrefix|ssEditControl, 0, font, n.px(margin+indent), y, width, height)
		y += height + n.px(space)
		return control
	}
	put(r.Site, n.plain, 2)
	put(r.Origin, n.large, 2)
	put(r.Program, n.plain, gap)
	if len(r.Holder) > 0 {
		put(r.Holder[0], n.strong, 2)
		put(strings.Join(r.Holder[1:], "\n"), n.plain, gap)
	}
	// That a try is the last one must be the first thing that a person sees.
	if warnings := r.Warnings(); len(warnings) > 0 {
		n.warningSign(n.px(margin), y)
		bottom := y + n.px(signSize+gap)
		indent = signSize + gap
		for _, alert := range warnings {
			n.colours[put(alert, n.large, gap)] = alertText()
		}
		y, indent = max(y, bottom), 0
	}
	put(r.Text, n.plain, gap)
	put(r.Hint, n.plain, gap)
	y = n.buildInput(y)
	n.buildButtons(y + n.px(gap/2))
}

// buildInput makes the list, the entry or the long text, and returns the vertical
// position of what follows.
func (n *native) buildInput(y int32) int32 {
	r := n.request
	x, width := n.px(margin), n.px(textWidth)
	switch {
	case len(r.Rows) > 0:
		height := n.px(4)
		for _, row := range r.Rows[:min(len(r.Rows), listRows)] {
			height += n.rowHeight(row)
		}
		n.list = n.control("LISTBOX", "", wsTabStop|wsBorder|wsVScroll|lbsNotify|lbsOwnerDrawVariable|lbsHasStrings|lbsNoIntegralHeight, idList, n.plain, x, y, width, height)
		for _, row := range r.Rows {
			sendText(n.list, lbAddString, row.Spoken)
		}
		send(n.list, lbSetSelection, 0, 0)
		n.focus = n.list
		return y + height + n.px(gap)
	case n.most > 0:
		height := n.px(entryHeight)
		n.edit = n.control("EDIT", "", wsTabStop|wsBorder|esPassword|esAutoHScroll, idEntry, n.plain, x, y, width/2, height)
		send(n.edit, emLimitText, uintptr(n.most), 0)
		n.guardEntry()
		n.focus = n.edit
		return y + height + n.px(gap)
	case r.Body != "":
		height := n.px(bodyHeight)
		text := strings.ReplaceAll(r.Body, "\n", "\r\n")
		n.body = n.control("EDIT", text, wsTabStop|wsBorder|wsVScroll|esMultiline|esReadOnly, idBody, n.plain, x, y, width, height)
		n.focus = n.body
		return y + height + n.px(gap)
	}
	return y
}

// buildButtons makes the buttons from the right, the last one outermost, and
// gives the dialog its size.
func (n *native) buildButtons(y int32) {
	labels := shortcuts(n.request.Buttons, "&")
	n.buttons = make([]uintptr, len(labels))
	right := n.px(margin + textWidth)
	x := make([]int32, len(labels))
	width := make([]int32, len(labels))
	for i := len(labels) - 1; i >= 0; i-- {
		width[i] = max(n.px(buttonLeast), lineWidth(n.window, n.plain, labels[i].Label, labels[i].Done)+n.px(24))
		x[i] = right - width[i]
		right = x[i] - n.px(gap)
	}
	for i, b := range labels { // made in the order of the Tab key
		style := uint32(wsTabStop)
		if b.Default {
			style |= bsDefault
		}
		n.buttons[i] = n.control("BUTTON", b.Label, style, idButton+uint32(i), n.plain, x[i], y, width[i], n.px(buttonHeight))
		if b.Default && n.focus == 0 {
			n.focus = n.buttons[i]
		}
		if b.Default {
			send(n.window, dmSetDefault, uintptr(idButton)+uintptr(i), 0)
		}
	}
	centre(n.window, n.area, n.px(2*margin+textWidth), y+n.px(buttonHeight+margin))
}

func (n *native) control(class, text string, style, id uint32, font uintptr, x, y, width, height int32) uintptr {
	control := createControl(class, text, style, id, n.window, x, y, width, height)
	send(control, wmSetFont, font, 0)
	return control
}

// show brings the dialog in front of the browser, with the keyboard.
func (n *native) show() {
	showInFront(n.window)
	setFocus(n.focus)
	n.shown = true
	if n.request.Quiet == 0 {
		n.acceptInput()
	}
	n.awaitQuiet()
}

// close destroys the dialog, after what was typed in its entry.
func (n *native) close() {
	if n.closed {
		return
	}
	n.closed = true
	if n.edit != 0 {
		n.wipeEntry()
	}
	destroy(n.window)
}

func (n *native) freeFonts() {
	for _, f := range []uintptr{n.plain, n.strong, n.large} {
		freeFont(f)
	}
}

func (n *native) colourOf(dc, control uintptr) uintptr {
	colour, ok := n.colours[control]
	if !ok {
		return 0
	}
	return paintText(dc, colour)
}

// rowParts are the parts of a row, each on lines of its own.
func (n *native) rowParts(row dialog.Row) []part {
	parts := []part{{n.strong, row.Name}}
	for _, text := range []string{row.Detail, row.Note} {
		if text != "" {
			parts = append(parts, part{n.plain, text})
		}
	}
	return parts
}

type part struct {
	font uintptr
	text string
}

const (
	partLines  = 2   // of a part of a row at most: what is longer is shortened
	highestRow = 255 // in pixels: Windows has one byte for it
)

// rowWidth is for the texts of a row, beside a scroll bar where there is one.
func (n *native) rowWidth() int32 {
	scroll, _, _ := procMetrics.Call(scrollWidth)
	return n.px(textWidth-2*rowPadding) - int32(scroll) - n.px(2)
}

func (n *native) partHeight(p part) int32 {
	return min(textSize(n.window, p.font, p.text, n.rowWidth()), partLines*textSize(n.window, p.font, "X", n.rowWidth()))
}

func (n *native) rowHeight(row dialog.Row) int32 {
	height := 2 * n.px(rowPadding)
	for _, p := range n.rowParts(row) {
		height += n.partHeight(p)
	}
	return min(height, highestRow)
}

func (n *native) measureRow(l uintptr) uintptr {
	if i := measuredRow(l); i < len(n.request.Rows) {
		setRowHeight(l, uint32(n.rowHeight(n.request.Rows[i])))
	}
	return 1
}

func (n *native) drawRow(l uintptr) uintptr {
	item := drawnItem(l)
	if int(item.Item) >= len(n.request.Rows) {
		return 1 // an empty list has its focus drawn too
	}
	item.background()
	box := item.Box
	box.Left, box.Top = box.Left+n.px(rowPadding), box.Top+n.px(rowPadding)
	box.Right = box.Left + n.rowWidth()
	for _, p := range n.rowParts(n.request.Rows[item.Item]) {
		box.Bottom = box.Top + n.partHeight(p)
		item.text(p.font, p.text, box)
		box.Top = box.Bottom
	}
	item.focus()
	return 1
}
