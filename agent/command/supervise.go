package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/supervisor"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// supervise starts the agent beside this process, and anew after a crash. What the agent
// itself has to say, it says.
func (s *invocation) supervise(ctx context.Context, o runOptions) error {
	known := s.register()
	ended, err := supervisor.Run(ctx, supervisor.Options{
		Agent: func(ctx context.Context, anew bool) (*exec.Cmd, error) {
			return s.supervised(ctx, o, anew)
		},
		Desktop: s.Desktop, Quit: known.Quit, Done: known.Done, Crashed: s.crashed,
	})
	anew := err == nil && ended == role.ExitAnew && !known.Quit()
	_ = known.Close() // before a window stands here: no agent is started any more
	switch {
	case anew:
		return s.startAnew(o)
	case err == nil && ended == role.ExitAnew: // the person quit meanwhile
		return nil
	case errors.Is(err, supervisor.ErrDesktopEnded), err == nil && ended == exitGood:
		return nil
	case err == nil:
		return status(ended)
	}
	text := s.Text("command.supervise.given_up", supervisor.Most)
	s.complain(text + s.detail(err.Error()))
	s.report(ctx, text)
	return errProblem
}

// register makes this supervisor known to quit, also while no agent runs. Where that cannot
// be, as on a disk that is read only, the agent serves all the same: nil, which the log says.
func (s *invocation) register() *control.Supervisor {
	dir, err := dirs.State()
	if err != nil {
		return nil
	}
	known, err := control.Register(dir)
	if err != nil {
		s.logOwn(dir, func(log *slog.Logger) {
			log.Warn("quit does not reach this supervisor between a crash of the agent and the next start", "error", err, audit.Agent)
		})
	}
	return known
}

// supervised is the command of an agent. One that comes after a crash shows no window: the
// person did not ask for one.
func (s *invocation) supervised(ctx context.Context, o runOptions, anew bool) (*exec.Cmd, error) {
	if anew {
		o = o.unasked()
	}
	o.supervise = false
	cmd, err := role.SupervisedAgent.Command(ctx, s.runLine(o)...)
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Standard[0], s.Standard[1], s.Standard[2]
	return cmd, nil
}

// crashed writes a crash into the log, of which the agent that crashed could write nothing.
func (s *invocation) crashed(c supervisor.Crash) {
	dir, err := dirs.State()
	if err != nil {
		return
	}
	what := "the agent crashed, and is started anew"
	if !c.Restart {
		what = fmt.Sprintf("the agent crashed, and is not started anew a %dth time within %v", supervisor.Most+1, supervisor.Within)
	}
	s.logOwn(dir, func(log *slog.Logger) { log.Error(what, "error", c.How, "pause", c.Pause, audit.Agent) })
}

// logOwn writes a line of this process into the agent's log.
func (s *invocation) logOwn(dir string, line func(*slog.Logger)) {
	log := journal.NewLog(dir, s.stderr, func(w io.Writer) slog.Handler { return s.logger(w).Handler() })
	defer func() { _ = log.Close() }()
	line(log.Logger())
}
