package tray

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"runtime"
)

const iconSize = 32

// icon draws a card with its chip. Windows wants an ICO around the PNG.
func icon() []byte {
	img := image.NewNRGBA(image.Rect(0, 0, iconSize, iconSize))
	fill := func(r image.Rectangle, c color.NRGBA) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	fill(image.Rect(1, 5, 31, 27), color.NRGBA{255, 255, 255, 255}) // an edge that shows on dark panels
	fill(image.Rect(2, 6, 30, 26), color.NRGBA{18, 92, 120, 255})
	fill(image.Rect(5, 11, 12, 18), color.NRGBA{240, 205, 110, 255})
	fill(image.Rect(15, 20, 27, 22), color.NRGBA{255, 255, 255, 255})
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil { // to memory, of a picture of ours
		panic(err)
	}
	if runtime.GOOS != "windows" {
		return out.Bytes()
	}
	return ico(out.Bytes())
}

// ico wraps one PNG: a header of 6 bytes, one entry of 16, the picture.
func ico(picture []byte) []byte {
	var b bytes.Buffer
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	le([]uint16{0, 1, 1})
	le([]uint8{iconSize, iconSize, 0, 0})
	le([]uint16{1, 32})
	le([]uint32{uint32(len(picture)), 22})
	b.Write(picture)
	return b.Bytes()
}
