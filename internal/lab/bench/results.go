package bench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strconv"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// Met says how a row stands beside its target.
type Met string

// The ways a row stands.
const (
	Yes        Met = "yes"
	No         Met = "no"
	NotHad     Met = "not had"      // what it is compared with is not on this machine
	Untargeted Met = "–"            // nothing is wanted of it
	Failed     Met = "not measured" // its benchmark failed
)

// Results are what bench/results.json holds.
type Results struct {
	Machine Machine    `json:"machine"`
	Rows    []Measured `json:"rows"`
	Curves  []Drawn    `json:"curves"`
	Missing []string   `json:"missing,omitempty"` // curves that could not be measured
}

// Measured is a row as it was measured.
type Measured struct {
	Name       string `json:"name"`
	What       string `json:"what"`
	Ours       Value  `json:"ours"`
	Unit       string `json:"unit"`
	Beside     *Value `json:"beside,omitempty"`
	BesideUnit string `json:"besideUnit,omitempty"`
	BesideWhat string `json:"besideWhat,omitempty"`
	Figure     Value  `json:"figure"` // what is compared with the target
	Text       string `json:"text"`   // the same, to be read
	Target     string `json:"target"`
	Met        Met    `json:"met"`
	Why        string `json:"why,omitempty"` // it is not had or not measured
	Shortfall  string `json:"-"`             // the row's word, which is written after the measurement
}

// Drawn is a curve as it was measured.
type Drawn struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Axis  string `json:"axis"`
	Unit  string `json:"unit"`
	Bars  bool   `json:"bars,omitempty"`
	LogX  bool   `json:"logX,omitempty"`
	Lines []Line `json:"lines"`
}

// Line is one metric of a curve.
type Line struct {
	Label  string  `json:"label"`
	Points []Point `json:"points"`
}

// Point is a metric at one value of the key.
type Point struct {
	At    string `json:"at"`
	Value Value  `json:"value"`
}

// sortPoints sorts by number, and values that are no numbers by their letters.
func sortPoints(points []Point) {
	slices.SortFunc(points, func(a, b Point) int {
		x, errX := strconv.ParseFloat(a.At, 64)
		y, errY := strconv.ParseFloat(b.At, 64)
		if errX != nil || errY != nil {
			return cmp.Compare(a.At, b.At)
		}
		return cmp.Compare(x, y)
	})
}

// ReadResults reads a file that Write wrote.
func ReadResults(file string) (Results, error) {
	var r Results
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, err
	}
	for i, m := range r.Rows {
		if row := slices.IndexFunc(Rows, func(row Row) bool { return row.Name == m.Name }); row >= 0 {
			r.Rows[i].Shortfall = Rows[row].Shortfall
		}
	}
	return r, nil
}

// Write writes the results as JSON.
func (r Results) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return atomicfile.Write(file, append(text, '\n'), atomicfile.Options{Mode: 0o644})
}
