package packages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

func open(err, closing error) func(context.Context, Files) (func() error, error) {
	return func(context.Context, Files) (func() error, error) { return func() error { return closing }, err }
}

func returns(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// TestRun: each case is reported once, as what it was: what failed, what was not tried
// and why, and what the world itself did.
func TestRun(t *testing.T) {
	three := []Case{
		{Name: "install", Try: returns(errors.New("no such package"))},
		{Name: "login", Needs: []string{"install"}, Try: func(context.Context) error { panic("tried all the same") }},
		{Name: "lint", Try: returns(nil)},
	}
	for name, c := range map[string]struct {
		system System
		want   string
	}{
		"failed":     {System{Cases: three, Open: open(nil, nil)}, `install 1 no such package; login 0 not here: it needs "install", which did not pass; lint 2 `},
		"no world":   {System{Cases: three, Open: open(errors.New("no space"), nil)}, "install 1 no space; login 1 no space; lint 1 no space"},
		"not here":   {System{Cases: three[:1], Open: open(fmt.Errorf("%w: needs root", ErrNotHere), nil)}, "install 0 not here: needs root"},
		"not closed": {System{Cases: three[2:], Open: open(nil, errors.New("busy"))}, "lint 2 ; taken away 1 busy"},
		"panics":     {System{Cases: []Case{{Name: "a", Try: func(context.Context) error { panic("x") }}, three[2]}, Open: open(nil, nil)}, "a 1 panic: x; lint 2 "},
	} {
		var got []string
		Run(t.Context(), c.system, Files{}, func(r cells.Result) { got = append(got, fmt.Sprint(r.Case, " ", int(r.State), " ", r.Why)) })
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

// TestInterrupted: what comes after an interruption was not tried.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := System{Open: open(nil, nil), Cases: []Case{
		{Name: "first", Try: func(context.Context) error { cancel(); return nil }},
		{Name: "second", Try: returns(nil)},
	}}
	var states []cells.State
	Run(ctx, s, Files{}, func(r cells.Result) { states = append(states, r.State) })
	if len(states) != 2 || states[0] != cells.Passed || states[1] != cells.NotTried {
		t.Errorf("%v", states)
	}
}

// TestSystems: every case has a name of its own in its system, and needs only what comes
// before it.
func TestSystems(t *testing.T) {
	names := map[string]bool{}
	for _, s := range Systems() {
		if names[s.Name] || s.Name == "" || len(s.Cases) == 0 || s.Open == nil {
			t.Errorf("system %q", s.Name)
		}
		names[s.Name] = true
		before := map[string]bool{}
		for _, c := range s.Cases {
			for _, needed := range c.Needs {
				if !before[needed] {
					t.Errorf("%s: %q needs %q, which does not come before it", s.Name, c.Name, needed)
				}
			}
			if before[c.Name] || c.Name == "" || c.Try == nil {
				t.Errorf("%s: case %q", s.Name, c.Name)
			}
			before[c.Name] = true
		}
	}
}
