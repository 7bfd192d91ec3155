package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
)

// run makes this process the person's agent, or has the one that runs already
// show its state.
func run(ctx context.Context, p settings, noTray bool, stdout, stderr io.Writer) int {
	state, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	held, first, err := hold(ctx, p, state, language(p, stderr))
	if held == nil {
		return second(p, first, err, stdout, stderr)
	}
	log, logFile, endLog := journalled(p, state, stderr)
	defer endLog()
	warn(p, log)
	if err := nodump.Set(); err != nil {
		log.Warn("a core dump of this process may hold a PIN", "error", err)
	}
	defer func() {
		if err := held.Release(); err != nil {
			log.Warn("control socket", "error", err)
		}
	}()
	if err := held.Err(); err != nil {
		log.Warn("no control socket: other commands will not reach this agent", "error", err)
	}
	if err := p.program.Serve(ctx, Start{p.Effective, state, !noTray, held, log, logFile}); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	return exitGood
}
