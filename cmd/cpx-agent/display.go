package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/tray"
)

// displayCommand is the one argument of this program in the role that tells
// whether a display answers: the toolkit can be asked only once in a process.
const displayCommand = "display-answers"

const (
	statusNoDisplay = 3
	displayLimit    = 5 * time.Second // a display may hang
)

// runDisplayRole never returns where this program is in that role.
func runDisplayRole() {
	if len(os.Args) != 2 || os.Args[1] != displayCommand {
		return
	}
	if !tray.Available() {
		os.Exit(statusNoDisplay)
	}
	os.Exit(0)
}

// displayAnswers tells whether there is a desktop on which a person could be
// asked now.
func displayAnswers(ctx context.Context) bool {
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, displayLimit)
	defer cancel()
	return exec.CommandContext(ctx, self, displayCommand).Run() == nil
}

// asksNobody tells that this process can show no dialog: it is left over from a
// desktop session that has ended, or was started without one. On a terminal it
// asks there.
func asksNobody(ctx context.Context) bool {
	return !term.IsTerminal(int(os.Stdin.Fd())) && !displayAnswers(ctx)
}
