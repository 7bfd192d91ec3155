package packages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/wintable"
)

// msiPackage is where the MSI's life in wine 10 is played: its subtests are the cases here,
// by their names, so that a test and a person's table show the same.
const msiPackage = "github.com/cpx-bridge/cpx-bridge/packaging/windows/msi"

// windowsCases are those subtests, in order.
var windowsCases = []string{
	"a wrong portal is mended",
	"portals by properties",
	"login",
	"opens from the Start menu",
	"an older version is refused",
	"repair",
	"settings by a later installation",
	"removal leaves nothing",
	"settings taken back by an upgrade",
	"upgrade while agents run",
	"removal ends all agents",
	"agents come back after an upgrade",
	"the other architecture replaces it",
}

// notInWine are cases that only a real Windows shows, and why wine does not.
var notInWine = []struct{ name, why string }{
	{"agents of several sessions", "wine has one session and one person"},
	{"a person without rights repairs it", "in wine everybody is an administrator, and msiexec has no service that acts for a person"},
	{"settings taken back without an upgrade", "wine looks at no condition anew of what is installed (msidbComponentAttributesTransitive)"},
	{"a failed upgrade brings the older version back", "wine's msiexec schedules what takes a change back (ResumeBack among it) and does not run it"},
}

// windows is the MSI of an architecture in a Windows of wine 10.
func windows(name, test string) System {
	w := &windowsWorld{test: test}
	s := System{Name: name, Open: w.open}
	for _, c := range windowsCases {
		s.Cases = append(s.Cases, Case{Name: c, Try: w.played(c)})
	}
	for _, c := range notInWine {
		s.Cases = append(s.Cases, Case{Name: c.name, Try: func(context.Context) error { return fmt.Errorf("%w: %s", ErrNotHere, c.why) }})
	}
	return s
}

// windowsWorld has all cases of one Windows played before the first is asked for.
type windowsWorld struct {
	test   string // the function
	tested wintable.Tested
}

func (w *windowsWorld) open(ctx context.Context, files Files) (func() error, error) {
	if _, err := winetest.OpenRoot(ctx); errors.Is(err, winetest.ErrNotRoot) {
		return nil, fmt.Errorf("%w: %w", ErrNotHere, err)
	} else if err != nil {
		return nil, err
	}
	env := []string{"CPX_TEST_PACKAGES=" + files.Dist, "CPX_TEST_OLDER=" + files.Older}
	err := wintable.GoTest(ctx, env, []string{msiPackage}, []string{"-timeout", "60m", "-run", "^" + w.test + "$"}, func(t wintable.Tested) { w.tested = t })
	return w.unknown, err
}

// played is the case's try: how the subtest of its name ended.
func (w *windowsWorld) played(name string) func(context.Context) error {
	return func(context.Context) error {
		i := slices.IndexFunc(w.tested.Tests, func(t wintable.Test) bool { return w.caseOf(t) == name })
		if i < 0 {
			return fmt.Errorf("%s did not come to it: %s%s", w.test, w.tested.Why, w.tested.Failure())
		}
		switch t := w.tested.Tests[i]; t.State {
		case cells.Passed:
			return nil
		case cells.NotTried:
			return fmt.Errorf("%w: %s", ErrNotHere, w.tested.Skipped()[t.Name])
		default:
			return errors.New(t.Output)
		}
	}
}

// unknown is an error where something was tried, or failed, that no case stands for.
func (w *windowsWorld) unknown() error {
	var errs []error
	failed := false
	for _, t := range w.tested.Tests {
		failed = failed || w.caseOf(t) != "" && t.State == cells.Failed
		if name := w.caseOf(t); name != "" && !slices.Contains(windowsCases, name) {
			errs = append(errs, fmt.Errorf("%s is no case of the table: %s", t.Name, t.Output))
		}
	}
	if w.tested.State == cells.Failed && !failed {
		errs = append(errs, errors.New(w.tested.Failure()))
	}
	return errors.Join(errs...)
}

// caseOf is a subtest's name as a case has it, "" for the function itself and for what is
// below a subtest.
func (w *windowsWorld) caseOf(t wintable.Test) string {
	name, found := strings.CutPrefix(t.Name, w.test+"/")
	if !found || strings.Contains(name, "/") {
		return ""
	}
	return strings.ReplaceAll(name, "_", " ")
}
