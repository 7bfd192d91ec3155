package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// Where the results go, below the module's folder.
const (
	folder   = "bench"
	File     = "bench/results.json"
	Document = "docs/performance.md"
)

const (
	opening = "<!-- bench -->\n"
	closing = "<!-- /bench -->"
)

var (
	errNoSuchRow = errors.New("no row or curve of that name")
	errNoMarks   = errors.New("no marks around the table")
)

// Named are the rows and curves of these names; all of them for no name.
func Named(names []string) (rows []Row, curves []Curve, err error) {
	if len(names) == 0 {
		return Rows, Curves, nil
	}
	for _, name := range names {
		row := slices.IndexFunc(Rows, func(r Row) bool { return r.Name == name })
		curve := slices.IndexFunc(Curves, func(c Curve) bool { return c.Name == name })
		if row < 0 && curve < 0 {
			return nil, nil, fmt.Errorf("%w: %s", errNoSuchRow, name)
		}
		if row >= 0 {
			rows = append(rows, Rows[row])
		}
		if curve >= 0 {
			curves = append(curves, Curves[curve])
		}
	}
	return rows, curves, nil
}

// Publish writes the results, the plots and the table of the document.
func (r Results) Publish(root string) error {
	if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
		return err
	}
	if err := r.Write(filepath.Join(root, File)); err != nil {
		return err
	}
	for _, d := range r.Curves {
		if err := atomicfile.Write(filepath.Join(root, folder, d.Name+".svg"), []byte(d.SVG()), atomicfile.Options{Mode: 0o644}); err != nil {
			return err
		}
	}
	return r.publishDocument(filepath.Join(root, Document))
}

func (r Results) publishDocument(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	written, err := r.in(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return atomicfile.Write(file, []byte(written), atomicfile.Options{Mode: 0o644})
}

// in is the document with these results between its marks.
func (r Results) in(document string) (string, error) {
	before, rest, opened := strings.Cut(document, opening)
	_, after, closed := strings.Cut(rest, closing)
	if !opened || !closed {
		return "", errNoMarks
	}
	return before + opening + "\n" + r.Markdown() + "\n" + closing + after, nil
}
