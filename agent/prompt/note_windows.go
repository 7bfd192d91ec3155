package prompt

// note is what is said of the entry, always at the same height below it: what was wrong with
// the last PIN or is with this one, and that Caps Lock is on.
type note struct{ wrong, capsLock uintptr }

// notes makes both, with space for each of their texts.
func (c *column) notes() {
	e := c.request.Entry
	if e == nil {
		return
	}
	n := c.native
	width := c.px(textWidth)
	height := int32(0)
	for _, text := range []string{"X", c.request.Wrong, e.Length, e.Typed} {
		height = max(height, textSize(c.window, c.strong, text, width))
	}
	n.note.wrong = c.control("STATIC", c.request.Wrong, ssNoPrefix|ssEditControl, 0, c.strong, c.px(margin), c.y, width, height)
	c.colours[n.note.wrong] = alertText()
	c.y += height + c.px(2)
	line := textSize(c.window, c.plain, "X", width)
	n.note.capsLock = c.control("STATIC", "", ssNoPrefix|ssEditControl, 0, c.plain, c.px(margin), c.y, width, line)
	c.y += line + c.px(gap/2)
	n.showCapsLock()
}

// say replaces what is said of the entry.
func (n *native) say(text string) {
	if n.note.wrong != 0 {
		setText(n.note.wrong, text)
	}
}

// showCapsLock says whether Caps Lock is on, which nobody sees in an entry that hides what
// is typed. It is asked for after each key, as the system sends no message about it.
func (n *native) showCapsLock() {
	if n.note.capsLock == 0 || n.closed {
		return
	}
	text := ""
	if state, _, _ := procKeyState.Call(keyCapital); state&1 != 0 {
		text = n.request.Entry.CapsLock
	}
	if text != n.capsLock {
		setText(n.note.capsLock, text)
		n.capsLock = text
		n.log.Debug("Caps Lock is said", "on", text != "")
	}
}

// rightLength reports whether what was typed may be a PIN of this card. What is not stays in
// the entry, and did not go to the card.
func (n *native) rightLength() bool {
	e := n.request.Entry
	if e == nil {
		return true
	}
	length := 0
	n.ourselves(func() { length = int(send(n.edit, wmGetTextLength, 0, 0)) })
	if length >= max(e.Least, 1) && (e.Most == 0 || length <= e.Most) {
		return true
	}
	n.say(e.Length)
	setFocus(n.edit)
	return false
}
