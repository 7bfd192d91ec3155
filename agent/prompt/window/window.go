// Package window is the agent's own dialog window on Linux, with GTK 3, in a
// process of its own: the agent's program in another role. So a crash costs only the
// one question, and the agent goes on where the toolkit ends the process because the
// display is lost.
//
// The texts arrive on standard input as a dialog.Request and the answer leaves on
// standard output as a dialog.Answer; nothing of them is ever in arguments or
// environment. The process ends with the agent. Only main may call RunChildRole,
// first of all; Command may be called from any goroutine.
package window
