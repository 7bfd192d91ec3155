package wintable

import (
	"cmp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// Played are tests on this system that run our Windows programs in wine 10.
type Played struct {
	Package string
	Run     string // as go test -run; all where it is empty
	// Rows says that each of its tests is a row for itself, named as it is.
	Rows bool
}

// AllPlayed are all such tests. TestPlayed says which package is missing.
var AllPlayed = []Played{
	{Package: "internal/lab/winetest", Run: "^Test10"},
	{Package: "packaging/windows/resources", Run: "^TestPrograms$"},
	{Package: "agent/peer", Run: "^TestWindows10$"},
	{Package: "pkcs11", Run: "^TestWindows10$"},
	{Package: "internal/lab/windowslab", Rows: true},
}

// PlayedElsewhere are packages with such tests that another command plays, by its name.
var PlayedElsewhere = map[string]string{
	"packaging/windows/msi": "make test-packages",
}

// results are its cells: its tests, or one for the package where no test tells.
func (p Played) results(tested Tested) []cells.Result {
	rows := tested.rows()
	failed := false
	for i := range rows {
		if !p.Rows {
			rows[i].Case = p.Package + ", from outside: " + rows[i].Case
		}
		failed = failed || rows[i].State == cells.Failed
	}
	if tested.State == cells.Failed && !failed || len(rows) == 0 {
		rows = append(rows, cells.Result{Case: p.Package, Column: Architectures[0], State: min(tested.State, cells.Failed), Why: cmp.Or(tested.Why, tested.Failure())})
	}
	return rows
}
