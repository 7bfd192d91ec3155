package attack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line07() []Attack {
	return []Attack{{
		Line: 7, Title: "it states the portal's own origin", Short: true,
		Options: stack.Options{AgentOnly: true, AutoPIN: map[string]any{"pin": []string{"cancel"}, "confirm": []string{"ok"}}},
		Play:    localProgram,
	}}
}

// localProgram is this program itself: of the same person, and no browser.
func localProgram(w *World, r *Record) error {
	got := w.reason(w.Origin)
	r.Check(got == "cancelled", "authenticate as "+w.Origin+", PIN not given", "%s", got)
	path, err := os.Executable()
	if err != nil {
		return err
	}
	dialogs := w.Dialogs()
	r.Check(slices.Contains(dialogs, "GETPIN"), "what the person sees", "a PIN dialog")
	named := strings.Contains(strings.Join(dialogs, "\n"), filepath.Base(path))
	r.Check(named, "the dialog", "names %s: %v", filepath.Base(path), named)
	logged := strings.Contains(w.Log(), "login failed") && strings.Contains(w.Log(), path)
	r.Check(logged, "the log", "names %s: %v", path, logged)
	return nil
}
