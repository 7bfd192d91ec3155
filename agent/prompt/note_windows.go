package prompt

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// note is what is said of the entry, always at the same height below it: what was wrong with
// the last PIN or is with this one, that Caps Lock is on, and that the keyboard is elsewhere.
type note struct {
	wrong, capsLock, away uintptr
	said                  string // by wrong
}

// notes makes them, with space for each of their texts.
func (c *column) notes() {
	e := c.request.Entry
	if e == nil {
		return
	}
	n := c.native
	width := c.px(textWidth)
	height := int32(0)
	for _, text := range []string{"X", c.request.Wrong, early(c.request), e.Length, e.Typed} {
		height = max(height, textSize(c.window, c.strong, text, width))
	}
	n.note.said = c.request.Wrong
	n.note.wrong = c.control("STATIC", c.request.Wrong, ssNoPrefix|ssEditControl, 0, c.strong, c.px(margin), c.y, width, height)
	c.colours[n.note.wrong] = alertText()
	c.y += height + c.px(2)
	line := textSize(c.window, c.plain, "X", width)
	n.note.capsLock = c.control("STATIC", "", ssNoPrefix|ssEditControl, 0, c.plain, c.px(margin), c.y, width, line)
	c.y += line + c.px(2)
	height = textSize(c.window, c.strong, "X\n"+e.Away, width) - textSize(c.window, c.strong, "X", width)
	n.note.away = c.control("STATIC", "", ssNoPrefix|ssEditControl, 0, c.strong, c.px(margin), c.y, width, height)
	c.colours[n.note.away] = alertText()
	c.y += height + c.px(gap/2)
	n.showCapsLock()
}

// say replaces what is said of the entry.
func (n *native) say(text string) {
	if n.note.wrong != 0 && n.note.said != text {
		setText(n.note.wrong, text)
		n.note.said = text
	}
}

// sayAway says, or no more, that the window has no keyboard, and what the person has to do.
func (n *native) sayAway(away bool) {
	if n.note.away == 0 {
		return
	}
	text := ""
	if away {
		text = n.request.Entry.Away
	}
	setText(n.note.away, text)
}

// early says that what was typed for the entry came before it and is not in it. What was wrong
// with the one before remains: it is why this one stands.
func early(r dialog.Request) string {
	return strings.TrimSpace(r.Wrong + " " + r.Entry.Early)
}

// sayEarly says so where an entry stands that has nothing of it.
func (n *native) sayEarly() {
	if n.request.Entry != nil && n.typed() == 0 {
		n.say(early(n.request))
	}
}

// typed is how many characters stand in the entry.
func (n *native) typed() (length int) {
	if n.edit != 0 {
		n.ourselves(func() { length = int(send(n.edit, wmGetTextLength, 0, 0)) })
	}
	return length
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
	length := n.typed()
	if length >= max(e.Least, 1) && (e.Most == 0 || length <= e.Most) {
		return true
	}
	n.say(e.Length)
	setFocus(n.edit)
	return false
}
