package wintable

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// TestResults: a test that skips itself is a cell that was not tried, unless its package's
// row says why; one that failed, and a package without tests, are no good cells.
func TestResults(t *testing.T) {
	u := Unit{Package: "agent/peer", Not: map[string]string{"modes are those of POSIX": "TestMode,TestFile/mode"}}
	passed := Test{Name: "TestGood", State: cells.Passed}
	skipped := func(name string) Test { return Test{Name: name, Output: "    x_test.go:1: because\n"} }
	for name, c := range map[string]struct {
		tested Tested
		want   string
	}{
		"passed":            {Tested{State: cells.Passed, Tests: []Test{passed, {Name: "TestGood/part", State: cells.Passed}}}, "agent/peer ok 1"},
		"declared":          {Tested{State: cells.Passed, Tests: []Test{passed, skipped("TestFile/mode")}}, "agent/peer ok 1"},
		"skipped itself":    {Tested{State: cells.Passed, Tests: []Test{passed, skipped("TestOther")}}, "agent/peer ok 1, agent/peer TestOther NOT TRIED because"},
		"no tests":          {Tested{}, "agent/peer NOT TRIED none of its tests runs on Windows"},
		"failed":            {Tested{State: cells.Failed, Tests: []Test{{Name: "TestX", State: cells.Failed, Output: "wrong"}}}, "agent/peer FAIL wrong"},
		"failed and silent": {Tested{State: cells.Failed, Output: "killed"}, "agent/peer FAIL killed"},
	} {
		var got []string
		for _, r := range u.results(c.tested, "amd64") {
			text := map[cells.State]string{cells.Passed: fmt.Sprint("ok ", r.Tests), cells.Failed: "FAIL " + r.Why, cells.NotTried: "NOT TRIED " + r.Why}[r.State]
			got = append(got, r.Case+" "+text)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, ", "), c.want)
		}
	}
	if got := u.flags(); !slices.Equal(got, []string{"-test.skip=^(TestMode)$"}) {
		t.Errorf("%q", got)
	}
	if got := (Unit{Package: "x"}).flags(); got != nil {
		t.Errorf("%q", got)
	}
	var printed strings.Builder
	if Omitted(&printed, []Unit{u, {Package: "x"}}); printed.String() != "omitted of agent/peer: TestMode, TestFile/mode: modes are those of POSIX\n" {
		t.Errorf("%q", printed.String())
	}
}

// TestPlayedResults: a package that failed without a test that says so, and one without
// tests, have a cell that is not good.
func TestPlayedResults(t *testing.T) {
	p := Played{Package: "agent/peer"}
	for name, c := range map[string]struct {
		tested Tested
		want   string
	}{
		"passed":    {Tested{State: cells.Passed, Tests: []Test{{Name: "TestWindows10", State: cells.Passed}}}, "agent/peer, from outside: TestWindows10 2"},
		"not built": {Tested{State: cells.Failed, Output: "no such thing"}, "agent/peer 1"},
		"no tests":  {Tested{}, "agent/peer 0"},
		"killed":    {Tested{State: cells.Failed, Tests: []Test{{Name: "TestA", State: cells.Passed}}}, "agent/peer, from outside: TestA 2, agent/peer 1"},
	} {
		var got []string
		for _, r := range p.results(c.tested) {
			got = append(got, fmt.Sprint(r.Case, " ", int(r.State)))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, ", "), c.want)
		}
	}
}
