package window

import (
	"image/color"
	"math"
	"testing"
)

// light is a colour's relative luminance, and contrast that of two (WCAG 2.1).
func light(c color.Color) float64 {
	part := func(v uint32) float64 {
		if s := float64(v) / 0xffff; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return float64(v) / 0xffff / 12.92
	}
	r, g, b, _ := c.RGBA()
	return 0.2126*part(r) + 0.7152*part(g) + 0.0722*part(b)
}

func contrast(a, b color.Color) float64 {
	bright, dark := max(light(a), light(b)), min(light(a), light(b))
	return (bright + 0.05) / (dark + 0.05)
}

// TestContrastOfAlerts: alerts are coloured and legible, in light themes and in dark
// ones.
func TestContrastOfAlerts(t *testing.T) {
	const enough = 4.5 // WCAG 2.1, 1.4.3
	s := screen(t)
	s.Manage()
	for _, c := range []struct{ kind, theme string }{
		{"pad", "Adwaita"}, {"pad", "Adwaita:dark"}, {"pad", "HighContrast"}, {"pad", "HighContrastInverse"},
		{"pin final", "Adwaita"}, {"pin final", "Adwaita:dark"}, {"pin final", "HighContrast"}, {"pin final", "HighContrastInverse"},
	} {
		t.Run(c.kind+" "+c.theme, func(t *testing.T) {
			s.T = t
			t.Setenv("GTK_THEME", c.theme)
			q := question(c.kind, "fr")
			q.PIN.WrongPIN = c.kind == "pad" // and there the warning alone
			a := begin(t.Context(), dialogs(), q)
			window := s.Ready(dialogTitle)
			best := 0.0
			s.Await("something red", func() bool { // it may not be drawn yet
				p := s.Picture(window)
				ground := p.At(3, 3)
				for y := range p.Bounds().Dy() {
					for x := range p.Bounds().Dx() {
						if r, g, b, _ := p.At(x, y).RGBA(); r > g+0x4000 && r > b+0x4000 {
							best = max(best, contrast(p.At(x, y), ground))
						}
					}
				}
				return best > 0
			})
			if best < enough {
				t.Errorf("contrast %.1f", best)
			}
			a.cancel()
			<-a.answer
			s.Gone(dialogTitle)
		})
	}
}

// TestContrastOfEntry: where to type is seen in every theme, although that of some dark ones
// draws it in the colour of its ground.
func TestContrastOfEntry(t *testing.T) {
	const enough = 3 // WCAG 2.1, 1.4.11
	s := screen(t)
	s.Manage()
	for _, theme := range []string{"Adwaita", "Adwaita:dark", "HighContrast", "HighContrastInverse"} {
		t.Run(theme, func(t *testing.T) {
			s.T = t
			t.Setenv("GTK_THEME", theme)
			a := begin(t.Context(), dialogs(), question("pin", "fr"))
			window := s.Ready(dialogTitle)
			best := 0.0
			s.Await("the entry's frame", func() bool {
				p := s.Picture(window)
				// Near the right edge nothing stands above the entry.
				x, y, ground := p.Bounds().Dx()-24, 1, p.At(3, 3)
				for y < p.Bounds().Dy()-1 && p.At(x, y) == ground {
					y++
				}
				best = max(contrast(p.At(x, y), ground), contrast(p.At(x, min(y+1, p.Bounds().Dy()-1)), ground))
				return best >= enough || s.RoleOf(window) == "" // not drawn yet
			})
			if best < enough {
				t.Errorf("contrast %.1f", best)
			}
			a.cancel()
			<-a.answer
			s.Gone(dialogTitle)
		})
	}
}
