package prompt

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// piece is some of the site on one line, in one font.
type piece struct {
	text string
	font uintptr
	x, y int32
}

// putSite adds the site, never shortened, with the domain in bold, by which a person knows
// it. The system's text has one font, so that this one is drawn by us; what a screen reader
// reads is the whole.
func (c *column) putSite(space int32) {
	width := c.px(textWidth - c.indent)
	_, height := c.pieces(width)
	n := c.native
	n.site = c.control("STATIC", c.request.Origin, ssOwnerDraw|ssNoPrefix, 0, c.large, c.px(margin+c.indent), c.y, width, height)
	c.y += height + c.px(space)
}

// pieces breaks the site into lines of that width, at any character.
func (n *native) pieces(width int32) (list []piece, height int32) {
	line := textSize(n.window, n.domain, "X", width)
	from, to := domainIn(n.request)
	at := piece{}
	for i, r := range n.request.Origin {
		font := n.large
		if i >= from && i < to {
			font = n.domain
		}
		if at.font == font && at.x+lineWidth(n.window, font, at.text+string(r)) <= width {
			at.text += string(r)
			continue
		}
		x := at.x
		if at.text != "" {
			list = append(list, at)
			x += lineWidth(n.window, at.font, at.text)
		}
		if x+lineWidth(n.window, font, string(r)) > width {
			x, height = 0, height+line
		}
		at = piece{string(r), font, x, height}
	}
	return append(list, at), height + line
}

// domainIn is where the domain stands in the origin; without one all of it is emphasised.
func domainIn(r dialog.Request) (from, to int) {
	if from = strings.LastIndex(r.Origin, r.Domain); r.Domain == "" || from < 0 {
		return 0, len(r.Origin)
	}
	return from, from + len(r.Domain)
}

func (n *native) drawSite(l uintptr) uintptr {
	i := drawnItem(l)
	i.plain()
	list, _ := n.pieces(i.Box.Right - i.Box.Left)
	for _, part := range list {
		box := rect{i.Box.Left + part.x, i.Box.Top + part.y, i.Box.Right + 1, i.Box.Bottom}
		drawText(i.DC, part.font, part.text, &box, dtSingleLine|dtNoPrefix)
	}
	return 1
}
