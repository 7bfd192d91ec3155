package main

import (
	"context"
	"os"
	"runtime"
	"time"

	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

const displayLimit = 5 * time.Second // a display may hang

// runDisplayRole never returns where this process plays the role that reports
// whether a display answers: the toolkit can be asked only once in a process.
func runDisplayRole() {
	if _, asked := role.DisplayAnswers.Asked(0, 0); !asked {
		return
	}
	if !tray.Available() {
		os.Exit(role.ExitNoDisplay)
	}
	os.Exit(role.ExitDone)
}

// displayNamed reports whether the environment names a display, where it has to.
func displayNamed() bool {
	return runtime.GOOS != "linux" || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// desktop is how a supervisor finds whether the desktop session goes on that it was
// started in; nil where it was started in none.
func desktop() func(ctx context.Context) bool {
	if !displayNamed() {
		return nil
	}
	return func(ctx context.Context) bool { return !sessionEnds() && displayAnswers(ctx) }
}

// displayAnswers reports whether there is a desktop on which to ask a person now.
func displayAnswers(ctx context.Context) bool {
	if !displayNamed() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, displayLimit)
	defer cancel()
	cmd, err := role.DisplayAnswers.Command(ctx)
	return err == nil && cmd.Run() == nil
}

// asksNobody reports whether this process can ask nobody: its desktop session has
// ended, or it was started without one. On a terminal it asks there.
func asksNobody(ctx context.Context) bool {
	return !term.IsTerminal(int(os.Stdin.Fd())) && !displayAnswers(ctx)
}
