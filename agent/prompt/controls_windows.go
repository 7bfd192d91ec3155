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
	signSize     = 32 // of the warning beside the last try
	iconSize     = 48
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
	n.clear(r.Entry != nil && r.Entry.Continues)
	if !n.shown {
		n.area = workArea()
		moveTo(n.window, n.area)
		setIcons(n.window)
	}
	n.makeFonts()
	n.colours = map[uintptr]uint32{}
	setText(n.window, r.Title)
	c := column{native: n, y: n.px(margin)}
	c.header()
	if len(r.Holder) > 0 {
		c.put(r.Holder[0], n.strong, 2)
		c.put(strings.Join(r.Holder[1:], "\n"), n.plain, gap)
	}
	if r.Entry == nil && r.Wrong != "" { // else it stands beside the entry
		n.colours[c.put(r.Wrong, n.strong, gap)] = alertText()
	}
	if r.Final != "" {
		c.finalTry(r.Final)
	}
	for _, alert := range r.Alerts {
		n.colours[c.put(alert, n.strong, gap)] = alertText()
	}
	c.put(r.Text, n.plain, gap)
	c.entry()
	c.put(r.Hint, n.plain, gap)
	c.list()
	c.body()
	n.buildButtons(c.y + n.px(gap/2))
}

// clear takes the controls of the request before away, but for an entry that goes on.
func (n *native) clear(continues bool) {
	if n.edit != 0 && !continues {
		n.wipeEntry()
		destroy(n.edit)
		n.edit = 0
	}
	for _, part := range n.parts {
		destroy(part)
	}
	n.parts, n.buttons = nil, nil
	n.list, n.body, n.site, n.focus, n.note, n.capsLock = 0, 0, 0, 0, note{}, ""
}

func (n *native) makeFonts() {
	n.freeFonts()
	n.dpi = dpiOf(n.window)
	n.plain, n.strong = font(n.px(textHeight), false), font(n.px(textHeight), true)
	n.large, n.domain = font(n.px(textHeight*5/4), false), font(n.px(textHeight*5/4), true)
	n.final, n.small = font(n.px(textHeight*3/2), true), font(n.px(textHeight*5/6), false)
}

// column puts controls below each other.
type column struct {
	*native
	y, indent int32
}

// put adds a text, and leaves a space below it.
func (c *column) put(text string, font uintptr, space int32) uintptr {
	if text == "" {
		return 0
	}
	width := c.px(textWidth - c.indent)
	height := textSize(c.window, font, text, width)
	control := c.control("STATIC", text, ssNoPrefix|ssEditControl, 0, font, c.px(margin+c.indent), c.y, width, height)
	c.y += height + c.px(space)
	return control
}

// header says who asks, beside the program's own icon where it has one.
func (c *column) header() {
	r := c.request
	if r.Origin == "" {
		return
	}
	bottom := c.y
	if c.icon(c.px(margin), c.y, c.px(iconSize)) {
		bottom += c.px(iconSize + gap)
		c.indent = iconSize + gap
	}
	c.put(r.Site, c.plain, 2)
	c.putSite(2)
	if r.Path {
		c.put(r.Program, c.small, gap)
	} else {
		c.put(r.Program, c.plain, gap)
	}
	c.y, c.indent = max(c.y, bottom), 0
}

// finalTry is the most visible of all: framed, large, with the system's warning, and not by
// its colour alone.
func (c *column) finalTry(text string) {
	top := c.y
	c.y += c.px(gap)
	c.warningSign(c.px(margin+gap), c.y)
	bottom := c.y + c.px(signSize)
	c.indent = signSize + 2*gap
	c.colours[c.put(text, c.final, 0)] = alertText()
	c.y, c.indent = max(c.y, bottom)+c.px(gap), 0
	c.control("STATIC", "", ssEtchedFrame, 0, c.plain, c.px(margin), top, c.px(textWidth), c.y-top)
	c.y += c.px(gap)
}

// entry is where the PIN is typed, with what is said about it below.
func (c *column) entry() {
	if c.most <= 0 {
		return
	}
	x, width, height := c.px(margin), c.px(textWidth)/2, c.px(entryHeight)
	if c.edit == 0 {
		c.edit = createControl("EDIT", "", wsTabStop|wsBorder|esPassword|esAutoHScroll, idEntry, c.window, x, c.y, width, height)
		c.guardEntry()
	} else { // behind the controls before it, for the Tab key
		_, _, _ = procSetPos.Call(c.edit, bottom, uintptr(x), uintptr(c.y), uintptr(width), uintptr(height), 0)
	}
	send(c.edit, wmSetFont, c.plain, 0)
	send(c.edit, emLimitText, uintptr(c.most), 0)
	c.focus = c.edit
	c.y += height + c.px(gap/2)
	c.notes()
}

// list shows the rows, of which one is chosen.
func (c *column) list() {
	rows := c.request.Rows
	if len(rows) == 0 {
		return
	}
	height := c.px(4)
	for _, row := range rows[:min(len(rows), listRows)] {
		height += c.rowHeight(row)
	}
	n := c.native
	n.list = c.control("LISTBOX", "", wsTabStop|wsBorder|wsVScroll|lbsNotify|lbsOwnerDrawVariable|lbsHasStrings|lbsNoIntegralHeight, idList, c.plain, c.px(margin), c.y, c.px(textWidth), height)
	for _, row := range rows {
		sendText(n.list, lbAddString, row.Spoken)
	}
	send(n.list, lbSetSelection, 0, 0)
	c.focus = n.list
	c.y += height + c.px(gap)
}

// body is a long text, to be read and copied.
func (c *column) body() {
	if c.request.Body == "" {
		return
	}
	height := c.px(bodyHeight)
	text := strings.ReplaceAll(c.request.Body, "\n", "\r\n")
	n := c.native
	n.body = c.control("EDIT", text, wsTabStop|wsBorder|wsVScroll|esMultiline|esReadOnly, idBody, c.plain, c.px(margin), c.y, c.px(textWidth), height)
	c.focus = n.body
	c.y += height + c.px(gap)
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
	if n.focus == 0 { // nothing is asked: no key presses a button that nobody went to
		n.focus = n.window
	}
	fit(n.window, n.area, n.px(2*margin+textWidth), y+n.px(buttonHeight+margin), n.shown)
}

func (n *native) control(class, text string, style, id uint32, font uintptr, x, y, width, height int32) uintptr {
	control := createControl(class, text, style, id, n.window, x, y, width, height)
	send(control, wmSetFont, font, 0)
	n.parts = append(n.parts, control)
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
	// A message that was sent, as by a screen reader that presses a button, does not make
	// nextMessage return: the loop would see only at the next key that the window is closed.
	wake()
}

func (n *native) freeFonts() {
	for _, f := range []uintptr{n.plain, n.strong, n.large, n.domain, n.final, n.small} {
		if f != 0 {
			freeFont(f)
		}
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
