package tray

import (
	"fmt"
	"strings"
)

// themeSizes are those of a program's icon in menus, in lists of programs and in docks.
var themeSizes = []int{16, 22, 24, 32, 48, 64, 128, 256}

// ThemeIcons are the program's icon as the files of an icon theme (Icon Theme
// Specification), by their paths in the folder of the theme hicolor: in several sizes, and
// once to be drawn at any.
func ThemeIcons() map[string][]byte {
	files := map[string][]byte{"scalable/apps/cpx-bridge.svg": iconReady.drawing().svg()}
	for _, size := range themeSizes {
		files[fmt.Sprintf("%dx%d/apps/cpx-bridge.png", size, size)] = iconReady.png(size)
	}
	return files
}

// svg is the drawing as SVG 1.1.
func (d drawing) svg() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n", side, side)
	for _, s := range d {
		var points []string
		for _, p := range s.polygon {
			points = append(points, fmt.Sprintf("%g,%g", p[0], p[1]))
		}
		fmt.Fprintf(&out, "<polygon fill=\"#%02x%02x%02x\" points=\"%s\"/>\n", s.color.R, s.color.G, s.color.B, strings.Join(points, " "))
	}
	out.WriteString("</svg>\n")
	return []byte(out.String())
}
