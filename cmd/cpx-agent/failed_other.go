//go:build !windows

package main

import (
	"context"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// failed is how a start that failed is shown where a person started this program from a menu,
// or the desktop did at a login: what it prints goes to the log of the session, which nobody
// reads. nil elsewhere, as on a terminal and in a script.
func failed() func(ctx context.Context, lang, text string) {
	if !role.SupervisedAgent.Is() && !slices.Contains(os.Args, "--supervise") || term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return say // where no window can be shown either, the log has it
}
