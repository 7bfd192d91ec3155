package windowslab

import "strings"

// dialogTitle is the title of the agent's windows.
const dialogTitle = "^CPx Bridge$"

// keysAccepted is said of a dialog that counts keys from now on.
const keysAccepted = "the dialog accepts keys"

// dialog waits for the next dialog that counts keys, and returns its number.
func (w *World) dialog() string {
	w.t.Helper()
	if !w.hears(keysAccepted) {
		w.t.Fatalf("no dialog; the agent's log:\n%s", w.agent.log.tail(30))
	}
	id := w.screen.Window(dialogTitle)
	w.screen.InFront(id)
	return id
}

// presses answers the next dialog with keys.
func (w *World) presses(keys ...string) {
	w.t.Helper()
	w.dialog()
	w.screen.Do(append([]string{"key"}, keys...)...)
}

// types types PINs, one into each dialog.
func (w *World) types(pins ...string) func() {
	return func() {
		w.t.Helper()
		for _, pin := range pins {
			var keys []string
			for _, digit := range pin {
				keys = append(keys, string(digit))
			}
			w.presses(append(keys, "Return")...)
		}
	}
}

// noDialog reports that the agent opened none since the row's start.
func (w *World) noDialog(mark int) bool {
	for _, line := range w.agent.log.since(mark) {
		if strings.Contains(line, keysAccepted) || strings.Contains(line, "step=pin_asked") {
			return false
		}
	}
	return true
}
