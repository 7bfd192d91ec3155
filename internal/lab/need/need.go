// Package need is for tests that cannot run without something that is no part of the
// repository: a program, a module, a service. Where it is missing the test fails and says
// how to install it. In `make quick`, which plays what needs nothing, the test is skipped on
// every machine, with a reason of one form, by which that lists it. It may be called from
// any test's goroutine, and decides nothing about what the code under test does.
package need

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	variable = "CPX_TEST_NEEDS"
	none     = "nothing"
	mark     = "needs "
)

// Nothing is the variable, for a process's environment, that has tests skipped that need
// something.
const Nothing = variable + "=" + none

// Program finds a program in PATH.
func Program(t testing.TB, name string) string {
	t.Helper()
	skip(t, name)
	path, err := exec.LookPath(name)
	if err != nil {
		Lacks(t, name)
	}
	return path
}

// File returns the path of a file that a package installs.
func File(t testing.TB, path string) string {
	t.Helper()
	skip(t, path)
	if _, err := os.Stat(path); err != nil {
		Lacks(t, path)
	}
	return path
}

// Lacks ends the test for want of what is named.
func Lacks(t testing.TB, what string) {
	t.Helper()
	skip(t, what)
	t.Fatalf("%s is not here: YES=1 scripts/setup test installs what the tests need", what)
}

func skip(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(variable) == none {
		t.Skip(mark + what)
	}
}

// Needed is what a test needs that was skipped for that reason.
func Needed(reason string) (what string, needed bool) {
	return strings.CutPrefix(reason, mark)
}
