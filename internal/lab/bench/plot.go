package bench

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The size of a plot, and where in it the drawing is.
const (
	plotWidth, plotHeight  = 760.0, 420.0
	plotWest, plotEast     = 80.0, 720.0
	plotSouth              = 360.0
	barHeight, barDistance = 34.0, 52.0
	barsWest, barsEast     = 150.0, 690.0
	margin                 = 20.0
	legendLine             = 22.0
	letterWidth            = 7.2 // about that of a letter of the usual size
)

// colours can be told apart by people who see few of them (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#777777"}

// SVG draws a curve, the same bytes for the same figures.
func (d Drawn) SVG() string {
	if d.Bars {
		return d.bars()
	}
	return d.lines()
}

// canvas collects the elements of a picture.
type canvas struct{ strings.Builder }

func newCanvas(title string, height float64) *canvas {
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" font-family="sans-serif" font-size="13">`+"\n", plotWidth, height)
	fmt.Fprintf(c, "<title>%s</title>\n", escaped(title))
	fmt.Fprintf(c, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", plotWidth, height)
	c.text(margin, 26, "start", title, `font-size="16"`)
	return c
}

func (c *canvas) text(x, y float64, anchor, text, more string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n", x, y, anchor, more, escaped(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, colour)
}

func (c *canvas) String() string { return c.Builder.String() + "</svg>\n" }

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func colour(i int) string { return colours[i%len(colours)] }

// lines draws a line for each metric over the key's numbers.
func (d Drawn) lines() string {
	c := newCanvas(d.Title, plotHeight)
	north := c.legend(d.Lines) + 26
	var at []float64
	most := 0.0
	for _, l := range d.Lines {
		for _, p := range l.Points {
			at = append(at, position(p.At))
			most = max(most, p.Value.Median)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	x := scale(at[0], at[len(at)-1], plotWest, plotEast, d.LogX)
	steps := ticks(most)
	y := scale(0, steps[len(steps)-1], plotSouth, north, false)
	for _, v := range steps {
		c.line(plotWest, y(v), plotEast, y(v), "#ddd")
		c.text(plotWest-8, y(v)+4, "end", exact(v), `fill="#444"`)
	}
	last := math.Inf(-1)
	for _, v := range at {
		c.line(x(v), plotSouth, x(v), plotSouth+5, "#444")
		if x(v)-last >= 36 {
			c.text(x(v), plotSouth+20, "middle", grouped(v), `fill="#444"`)
			last = x(v)
		}
	}
	c.text((plotWest+plotEast)/2, plotSouth+44, "middle", d.Axis, "")
	c.text(plotWest-8, north-12, "end", d.Unit, "")
	for i, l := range d.Lines {
		var points []string
		for _, p := range l.Points {
			px, py := x(position(p.At)), y(p.Value.Median)
			points = append(points, fmt.Sprintf("%.1f,%.1f", px, py))
			fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", px, py, colour(i))
		}
		fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colour(i))
	}
	return c.String()
}

// legend names the colours, below the title, and says where it ends.
func (c *canvas) legend(lines []Line) float64 {
	x, y := margin, 52.0
	for i, l := range lines {
		width := 18 + letterWidth*float64(utf8.RuneCountInString(l.Label))
		if x > margin && x+width > plotWidth-margin {
			x, y = margin, y+legendLine
		}
		fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="12" height="12" fill="%s"/>`+"\n", x, y-10, colour(i))
		c.text(x+18, y+1, "start", l.Label, "")
		x += width + margin
	}
	return y
}

// bars draws a bar for each value of the key, of metrics that follow each other.
func (d Drawn) bars() string {
	var names []string
	totals := map[string]float64{}
	for _, l := range d.Lines {
		for _, p := range l.Points {
			if _, seen := totals[p.At]; !seen {
				names = append(names, p.At)
			}
			totals[p.At] += p.Value.Median
		}
	}
	most := 0.0
	for _, total := range totals {
		most = max(most, total)
	}
	slices.Sort(names)
	south := 52 + 2*legendLine + float64(len(names))*barDistance
	c := newCanvas(d.Title, south+60)
	top := c.legend(d.Lines) + 26
	steps := ticks(most)
	x := scale(0, steps[len(steps)-1], barsWest, barsEast, false)
	for _, v := range steps {
		c.line(x(v), top-6, x(v), south, "#ddd")
		c.text(x(v), south+18, "middle", exact(v), `fill="#444"`)
	}
	c.text((barsWest+barsEast)/2, south+42, "middle", d.Unit, "")
	for row, name := range names {
		y := top + float64(row)*barDistance
		c.text(barsWest-10, y+barHeight/2+5, "end", strings.ReplaceAll(name, "_", " "), "")
		begun := 0.0
		for i, l := range d.Lines {
			at := slices.IndexFunc(l.Points, func(p Point) bool { return p.At == name })
			if at < 0 {
				continue
			}
			v := l.Points[at].Value.Median
			fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>`+"\n",
				x(begun), y, x(begun+v)-x(begun), barHeight, colour(i), escaped(l.Label+": "+quantity(v, d.Unit)))
			begun += v
		}
		c.text(x(begun)+6, y+barHeight/2+5, "start", number(begun), "")
	}
	return c.String()
}

// position is the key's number; Runner draws no line over anything else.
func position(at string) float64 {
	v, _ := strconv.ParseFloat(at, 64)
	return v
}

// scale maps values to places in the picture.
func scale(low, high, from, to float64, log bool) func(float64) float64 {
	f := func(v float64) float64 { return v }
	if log && low > 0 {
		f = math.Log
	}
	if high <= low {
		return func(float64) float64 { return from }
	}
	return func(v float64) float64 { return from + (f(v)-f(low))/(f(high)-f(low))*(to-from) }
}

// ticks are round numbers from 0 to at least most.
func ticks(most float64) []float64 {
	if most <= 0 {
		return []float64{0, 1}
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if most/(step*part) <= 6 {
			step *= part
			break
		}
	}
	list := []float64{0}
	for i := 1; list[len(list)-1] < most; i++ {
		v, _ := strconv.ParseFloat(strconv.FormatFloat(float64(i)*step, 'g', 10, 64), 64)
		list = append(list, v)
	}
	return list
}

// grouped is a number with spaces between its thousands.
func grouped(v float64) string {
	s := exact(v)
	if strings.Contains(s, ".") {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
