// Package window is the agent's own dialog window on Linux, with GTK 3, in a
// process of its own: the agent's program in another role. A window that crashes
// costs its one question, and the toolkit's habit of ending the process where
// the display goes does not end the agent.
//
// The texts come in over standard input as a dialog.Request and the answer goes
// out over standard output as a dialog.Answer; nothing of them stands in
// arguments or environment. The process ends when the agent does. Only main may
// call RunChildRole, first of all; Command may be called from any goroutine.
package window
