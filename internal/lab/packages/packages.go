// Package packages installs what a release ships into systems of its own, logs in through
// what was installed, upgrades it and removes it, and prints one table of it.
//
// A [System] is a column: a Debian root, a Windows in wine. Its cases run one after the
// other, because each begins where the one before it ended; where one fails, what needs it
// is not tried, and says so. Systems run one after the other too. Nothing is ever installed
// into the system that the tests run on.
package packages

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// Files are where the packages are.
type Files struct {
	Dist  string // the folder of the release's packages
	Older string // the folder of packages of OlderVersion, to be upgraded from
}

// OlderVersion is the version of the packages in Files.Older.
const OlderVersion = "0.0.9"

// System is one world, in which packages of one kind are tried.
type System struct {
	Name  string // the column
	Cases []Case // in order
	// Open makes the world; close, which is called once, takes it away again. Where the
	// error is ErrNotHere the cases are not tried, else they have failed.
	Open func(ctx context.Context, files Files) (close func() error, err error)
}

// Case is one row of a System.
type Case struct {
	Name  string
	Needs []string // cases of the same system, without whose success this one means nothing
	Try   func(ctx context.Context) error
}

// ErrNotHere says that something cannot be tried on this machine; its text says why, and
// what would cure it.
var ErrNotHere = errors.New("not here")

// Run tries every case of a system and reports each exactly once, also where the world
// cannot be made or taken away.
func Run(ctx context.Context, s System, files Files, report func(cells.Result)) {
	closes, err := s.Open(ctx, files)
	if err != nil {
		for _, c := range s.Cases {
			report(s.result(c, err))
		}
		return
	}
	good := map[string]bool{}
	for _, c := range s.Cases {
		err := c.needed(good)
		if err == nil {
			err = c.try(ctx)
		}
		good[c.Name] = err == nil
		report(s.result(c, err))
	}
	if err := closes(); err != nil {
		report(cells.Result{Case: "taken away", Column: s.Name, State: cells.Failed, Why: err.Error()})
	}
}

// needed is an error where a case that this one needs did not pass.
func (c Case) needed(good map[string]bool) error {
	for _, name := range c.Needs {
		if !good[name] {
			return fmt.Errorf("%w: it needs %q, which did not pass", ErrNotHere, name)
		}
	}
	return nil
}

// try makes an error of a panic, so that the other systems are tried.
func (c Case) try(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	return c.Try(ctx)
}

func (s System) result(c Case, err error) cells.Result {
	r := cells.Result{Case: c.Name, Column: s.Name, State: cells.Passed}
	switch {
	case errors.Is(err, ErrNotHere):
		r.State, r.Why = cells.NotTried, err.Error()
	case err != nil:
		r.State, r.Why = cells.Failed, err.Error()
	}
	return r
}

// Names are the columns of the table.
func Names(systems []System) []string {
	var names []string
	for _, s := range systems {
		names = append(names, s.Name)
	}
	return names
}
