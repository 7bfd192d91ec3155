package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
)

// startWithDesktop is the command autostart: status, enable or disable.
func startWithDesktop(p settings, action string, stdout, stderr io.Writer) int {
	w := texts[language(p, stderr)]
	var err error
	switch action {
	case "enable":
		var program string
		if program, err = os.Executable(); err == nil {
			err = autostart.Enable(program)
		}
	case "disable":
		err = autostart.Disable()
	}
	if errors.Is(err, autostart.ErrMachine) {
		fmt.Fprintln(stderr, "cpx-agent:", w.autostartMachine)
		return exitProblem
	}
	var state autostart.State
	if err == nil {
		state, err = autostart.Get()
	}
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	switch {
	case state.Missing != "":
		fmt.Fprintf(stdout, w.autostartMissing+"\n", state.Where, state.Missing)
		return exitProblem
	case state.Enabled:
		fmt.Fprintf(stdout, w.autostartOn+"\n", state.Where)
	case state.Where != "":
		fmt.Fprintf(stdout, w.autostartOff+" (%s)\n", state.Where)
	default:
		fmt.Fprintln(stdout, w.autostartOff)
	}
	return exitGood
}
