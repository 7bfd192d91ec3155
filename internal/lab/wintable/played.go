package wintable

import "cmp"

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

// results are its cells: its tests, or one for the package where no test tells.
func (p Played) results(tested Tested) []Result {
	rows := tested.rows()
	failed := false
	for i := range rows {
		if !p.Rows {
			rows[i].Case = p.Package + ", from outside: " + rows[i].Case
		}
		failed = failed || rows[i].State == Failed
	}
	if tested.State == Failed && !failed || len(rows) == 0 {
		rows = append(rows, Result{Case: p.Package, Arch: Architectures[0], State: min(tested.State, Failed), Why: cmp.Or(tested.Why, tested.Failure())})
	}
	return rows
}
