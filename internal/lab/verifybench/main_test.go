package main

import (
	"errors"
	"strings"
	"testing"
)

// The table has its rows, and what is missed is an error. What the figures are is for
// `make bench-verify`: nothing is timed here.
func TestTable(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, 1); err != nil && !errors.Is(err, errBelow) {
		t.Fatal(err)
	}
	for _, want := range []string{"RSA-2048", "P-256", "P-384", "wanted", "of the floor"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		row   row
		below bool
	}{
		{row{"", 100, 95, 130}, false}, {row{"", 100, 94, 140}, true}, {row{"", 100, 99, 129}, true},
	} {
		if c.row.below() != c.below {
			t.Errorf("%+v: below %v", c.row, c.row.below())
		}
	}
}
