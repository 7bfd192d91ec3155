package main

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"time"
)

// screenshot is the screen as it is now.
func (d *desktop) screenshot() (*image.RGBA, error) {
	out, err := d.tool("import", "-window", "root", "-silent", "-quality", "0", "png:-")
	if err != nil {
		return nil, err
	}
	picture, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	return cut(picture, picture.Bounds()), nil
}

// settled waits until the screen is as wanted and the same in three screenshots,
// because windows are drawn at their own time.
func (d *desktop) settled(wanted func(*image.RGBA) bool) (*image.RGBA, error) {
	const same, pause = 3, 100 * time.Millisecond
	var before *image.RGBA
	seen := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		now, err := d.screenshot()
		if err != nil {
			return nil, err
		}
		if seen++; before == nil || !equal(before, now) || !wanted(now) {
			seen = 0
		}
		if seen >= same {
			return now, nil
		}
		before = now
	}
	if before != nil {
		_ = save(before, os.TempDir(), "cpx-screens-failed") // for whoever examines the failure
	}
	return nil, errors.New("the screen did not settle as expected")
}

func equal(a, b *image.RGBA) bool { return a.Rect == b.Rect && bytes.Equal(a.Pix, b.Pix) }

// bounds is the rectangle in which two pictures of the same size differ, within a
// part of them.
func bounds(a, b *image.RGBA, within image.Rectangle) (r image.Rectangle) {
	for y := within.Min.Y; y < within.Max.Y; y++ {
		for x := within.Min.X; x < within.Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

// cut copies a part of a picture.
func cut(a image.Image, r image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	draw.Draw(out, out.Bounds(), a, r.Min, draw.Src)
	return out
}

// save writes a picture, with a palette, which is small enough for a manual.
func save(a image.Image, folder, name string) error {
	if p := paletted(a); p != nil {
		a = p
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, a); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".png"), out.Bytes(), 0o644)
}

// paletted retains the 256 most frequent colours and replaces the others, which are
// at the edges of letters, by the nearest.
func paletted(a image.Image) *image.Paletted {
	b := a.Bounds()
	count := map[color.RGBA]int{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[color.RGBAModel.Convert(a.At(x, y)).(color.RGBA)]++
		}
	}
	out := image.NewPaletted(b, palette(count, 256))
	draw.Draw(out, b, a, b.Min, draw.Src)
	return out
}

func palette(count map[color.RGBA]int, most int) color.Palette {
	var p color.Palette
	for len(p) < most && len(count) > 0 {
		best, n := color.RGBA{}, 0
		for c, k := range count {
			if k > n || k == n && less(c, best) {
				best, n = c, k
			}
		}
		p = append(p, best)
		delete(count, best)
	}
	return p
}

func less(a, b color.RGBA) bool {
	return a.R < b.R || a.R == b.R && (a.G < b.G || a.G == b.G && a.B < b.B)
}

// beside puts pictures of the same size beside each other.
func beside(list []*image.RGBA) *image.RGBA { return laid(list, image.Pt(1, 0)) }

// below puts pictures of the same size below each other.
func below(list []*image.RGBA) *image.RGBA { return laid(list, image.Pt(0, 1)) }

func laid(list []*image.RGBA, step image.Point) *image.RGBA {
	one := list[0].Rect.Size()
	at := func(i int) image.Point { return image.Pt(i*one.X*step.X, i*one.Y*step.Y) }
	out := image.NewRGBA(image.Rectangle{Max: at(len(list) - 1).Add(one)})
	for i, each := range list {
		draw.Draw(out, each.Rect.Add(at(i)), each, image.Point{}, draw.Src)
	}
	return out
}
