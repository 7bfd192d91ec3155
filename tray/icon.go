package tray

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"runtime"
	"sync"

	"golang.org/x/image/math/f32"
	"golang.org/x/image/vector"
)

// icon shows the state by its shape; colour only helps.
type icon string

const (
	iconNoReader  icon = "no-reader" // a reader, struck out
	iconNoCard    icon = "no-card"   // a reader and an arrow into it
	iconReady     icon = "ready"     // a card
	iconInUse     icon = "in-use"    // a card with a speech bubble
	iconAttention icon = "attention" // a card with a warning
)

var icons = []icon{iconNoReader, iconNoCard, iconReady, iconInUse, iconAttention}

// The colours suit light and dark panels: dark shapes have a light edge, and light
// shapes a dark one.
var (
	edge   = color.NRGBA{255, 255, 255, 255}
	petrol = color.NRGBA{18, 92, 120, 255}
	grey   = color.NRGBA{88, 94, 102, 255}
	gold   = color.NRGBA{240, 205, 110, 255}
	green  = color.NRGBA{24, 120, 64, 255}
	amber  = color.NRGBA{250, 190, 40, 255}
	dark   = color.NRGBA{40, 30, 0, 255}
)

// side is that of the square on which the shapes are drawn.
const side = 24

// polygon is the outline of a shape.
type polygon []f32.Vec2

func rect(x0, y0, x1, y1, corner float32) polygon {
	if corner == 0 {
		return polygon{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
	}
	c := corner
	return polygon{{x0 + c, y0}, {x1 - c, y0}, {x1, y0 + c}, {x1, y1 - c}, {x1 - c, y1}, {x0 + c, y1}, {x0, y1 - c}, {x0, y0 + c}}
}

// drawing is the shapes of a picture, the later above the earlier.
type drawing []shape

type shape struct {
	polygon
	color color.NRGBA
}

func (d *drawing) fill(p polygon, with color.NRGBA) { *d = append(*d, shape{p, with}) }

// picture is the drawing at a size in pixels.
func (d drawing) picture(size int) *image.NRGBA {
	out, scale := image.NewNRGBA(image.Rect(0, 0, size, size)), float32(size)/side
	for _, s := range d {
		r := vector.NewRasterizer(size, size)
		r.MoveTo(s.polygon[0][0]*scale, s.polygon[0][1]*scale)
		for _, point := range s.polygon[1:] {
			r.LineTo(point[0]*scale, point[1]*scale)
		}
		r.ClosePath()
		r.Draw(out, out.Rect, image.NewUniform(s.color), image.Point{})
	}
	return out
}

// draw draws the icon at a size in pixels.
func (i icon) draw(size int) *image.NRGBA { return i.drawing().picture(size) }

func (i icon) drawing() (c drawing) {
	switch i {
	case iconNoReader:
		c.reader()
		c.fill(polygon{{1, 4.2}, {4.2, 1}, {23, 19.8}, {19.8, 23}}, edge)
		c.fill(polygon{{2.2, 4}, {4, 2.2}, {21.8, 20}, {20, 21.8}}, grey)
	case iconNoCard:
		c.reader()
		c.fill(polygon{{8.6, 0}, {15.4, 0}, {15.4, 5}, {19.6, 5}, {12, 13.4}, {4.4, 5}, {8.6, 5}}, edge)
		c.fill(polygon{{9.8, 1.2}, {14.2, 1.2}, {14.2, 6.2}, {17, 6.2}, {12, 11.6}, {7, 6.2}, {9.8, 6.2}}, grey)
	case iconReady:
		c.card()
	case iconInUse:
		c.card()
		c.fill(rect(6, 11, 24, 24, 3), edge)
		c.fill(rect(7.2, 12.2, 22.8, 22.8, 2.4), green)
		for _, x := range []float32{9, 13.5, 18} {
			c.fill(rect(x, 16, x+3, 19, 0), edge)
		}
	case iconAttention:
		c.card()
		c.fill(polygon{{14.5, 5.6}, {17.5, 5.6}, {24, 22}, {24, 24}, {8, 24}, {8, 22}}, dark)
		c.fill(polygon{{15.2, 7.4}, {16.8, 7.4}, {22.6, 22.4}, {9.4, 22.4}}, amber)
		c.fill(rect(15, 11.6, 17, 17.6, 0), dark)
		c.fill(rect(15, 19, 17, 21, 0), dark)
	}
	return c
}

// card draws a card with its chip.
func (c *drawing) card() {
	c.fill(rect(0, 2.6, 24, 21.4, 2.6), edge)
	c.fill(rect(1.2, 3.8, 22.8, 20.2, 2), petrol)
	c.fill(rect(4, 7.4, 10, 12.4, 0.8), gold)
	c.fill(rect(4, 15, 14, 16.8, 0), edge)
}

// reader draws a card reader.
func (c *drawing) reader() {
	c.fill(rect(1, 12, 23, 24, 2.6), edge)
	c.fill(rect(2.2, 13.2, 21.8, 22.8, 2), grey)
	c.fill(rect(5.5, 15, 18.5, 17, 0), edge)
}

// bytes is the picture in the form of the platform's tray. It is made once and never
// freed: the toolkit reads it after the call that sets it.
func (i icon) bytes() []byte { return made()[i] }

var made = sync.OnceValue(func() map[icon][]byte {
	all := map[icon][]byte{}
	for _, i := range icons {
		if runtime.GOOS == "windows" {
			all[i] = i.ico(icoSizes)
		} else {
			all[i] = i.png(pngSize)
		}
	}
	return all
})

// pngSize is twice the usual size on panels, for high-resolution displays.
const pngSize = 48

func (i icon) png(size int) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, i.draw(size)); err != nil { // cannot fail: to memory, and our own picture
		panic(err)
	}
	return out.Bytes()
}

// icoSizes are the sizes of an icon in the tray of Windows, at 100 to 300 %.
var icoSizes = []int{16, 20, 24, 32, 40, 48}

// programSizes are those of a program's icon besides, in folders and on the desktop.
var programSizes = []int{16, 20, 24, 32, 40, 48, 64, 96, 128, 256}

// ProgramIcon is the icon of the program itself, as an icon file of Windows: the card,
// without a state.
func ProgramIcon() []byte { return iconReady.ico(programSizes) }

// ico is an icon file with the picture in all sizes: a header of 6 bytes, an entry of
// 16 bytes for each, and the pictures.
func (i icon) ico(sizes []int) []byte {
	var head, pictures bytes.Buffer
	le := func(v any) { _ = binary.Write(&head, binary.LittleEndian, v) } // to memory
	le([]uint16{0, 1, uint16(len(sizes))})
	for _, size := range sizes {
		picture := i.png(size)
		le([]uint8{uint8(size), uint8(size), 0, 0}) // of 256 it is 0
		le([]uint16{1, 32})
		le([]uint32{uint32(len(picture)), uint32(6 + 16*len(sizes) + pictures.Len())})
		pictures.Write(picture)
	}
	return append(head.Bytes(), pictures.Bytes()...)
}
