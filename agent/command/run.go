package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/agent/everyone"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/agent/supervisor"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/garbage"
	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

const (
	// firstLimit is how long a second start waits for the first agent's answer.
	firstLimit = 8 * time.Second
	// endLimit is how long it waits for that agent's end: a module may be at work.
	endLimit = 30 * time.Second
	// noticeLimit is how long the notice stands after a person has quit: this process's
	// file cannot be replaced on Windows until then.
	noticeLimit = 2 * time.Minute
	firstPause  = 50 * time.Millisecond
)

// runOptions are the options of run.
type runOptions struct{ noTray, supervise, show, quiet, resume bool }

func (s *invocation) runCommand() *cobra.Command {
	var o runOptions
	// Settings that are bad are for the agent to refuse, which says so once.
	c := plainCommand("run", about{short: "command.run.short", long: "command.run.long", exits: "command.run.exits", use: "command.run.use"}, func(ctx context.Context, _ []string) error {
		switch {
		case o.resume:
			return s.resumed(everyone.Resume())
		case o.supervise:
			return s.supervise(ctx, o)
		case s.settingsErr != nil:
			if s.Log.Events {
				events.SettingsRefused(events.Options{Lang: s.lang, Version: s.Version}, s.settingsErr)
			}
			return s.settingsErr
		}
		return s.serve(ctx, o)
	})
	c.Flags().BoolVar(&o.noTray, "no-tray", false, "command.run.no_tray")
	c.Flags().BoolVar(&o.supervise, "supervise", false, "command.run.supervise")
	c.Flags().BoolVar(&o.show, "show", false, "command.run.show")
	c.Flags().BoolVar(&o.quiet, "quiet", false, "command.run.quiet")
	c.Flags().BoolVar(&o.resume, "resume", false, "command.run.resume")
	return c
}

// resumed is how `run --resume` ends, which starts the agents anew that `quit --everyone
// --upgrade` ended, each in its session. What fails is printed and never shown: an installer runs it, for whom nobody closes windows.
func (s *invocation) resumed(err error) error {
	if err == nil {
		return nil
	}
	if err = s.everyoneFailed(err); !errors.Is(err, errProblem) {
		s.complain(err.Error())
	}
	return errProblem
}

// serve makes this process the person's agent, or makes the one that already runs
// show its state. A person who quits in the menu reads how to come back, once nothing of the
// agent is left that could hinder that.
func (s *invocation) serve(ctx context.Context, o runOptions) error {
	supervised := supervisor.Parent()
	defer supervised.Close()
	err := s.serveOnce(ctx, o)
	switch {
	case errors.Is(err, ErrRestart) && supervised.PID() != 0:
		return status(role.ExitAnew) // which the supervisor starts in place of both
	case errors.Is(err, ErrRestart):
		o.supervise = role.SupervisedAgent.Is() // its supervisor was killed
		return s.startAnew(o)
	case !errors.Is(err, ErrQuit):
		return err
	}
	if dir, err := dirs.State(); err == nil {
		control.AgentEnded(dir, supervised.PID())
	}
	if s.Say != nil {
		ctx, cancel := context.WithTimeout(ctx, noticeLimit)
		defer cancel()
		lang := s.personsLanguage(slog.New(slog.DiscardHandler)) // which the menu may have changed
		s.Say(ctx, lang, s.farewell(lang))
	}
	return nil
}

// farewell is what a person reads who has quit.
func (s *invocation) farewell(lang string) string {
	program, err := os.Executable()
	if err != nil {
		program = "cpx-agent"
	}
	return texts.In(lang).Text("command.run.quit") + "\n\n" + autostart.HowToStart(lang, program)
}

func (s *invocation) serveOnce(ctx context.Context, o runOptions) error {
	garbage.Rule()
	dir, err := dirs.State()
	if err != nil {
		return err
	}
	held, first, err := s.hold(ctx, dir, o.quiet)
	if held == nil {
		return s.second(ctx, first, err)
	}
	if control.Others(dir) && s.DisplayAnswers(ctx) {
		go s.yield(ctx, dir)
	}
	sender := events.New(events.Options{Lang: s.lang, Version: s.Version})
	defer sender.Close() // after the log, which says its counts when it is closed
	whole := journal.NewLog(dir, s.stderr, func(w io.Writer) slog.Handler { return s.logger(w).Handler() }, sender.Handler())
	defer whole.Close()
	log := whole.Logger()
	sender.Set(s.Log.Events, log)
	for _, w := range s.Warnings {
		w.Log(log)
	}
	if err := s.OwnFile(); err != nil {
		log.Warn("others may change the person's settings", "file", err.Path, "why", err, audit.Setting)
	}
	if err := nodump.Set(); err != nil {
		log.Warn("a core dump of this process, or a debugger, may read a PIN", "error", err, audit.Setting)
	}
	if err := nodump.Libraries("", false); err != nil {
		log.Warn("libraries of other computers, or that sandboxed programs wrote, may be loaded", "error", err, audit.Setting)
	}
	defer func() {
		if err := held.Release(); err != nil {
			log.Warn("control socket", "error", err)
		}
	}()
	if err := held.Err(); err != nil {
		log.Warn("no control socket: other commands will not reach this agent", "error", err)
	}
	err = s.Serve(ctx, Start{Policy: s.Effective, Settings: s.paths, StateDir: dir, Tray: !o.noTray, Show: o.show && !o.quiet, Held: held, Logger: log, Level: &s.level, Journal: whole, Events: sender,
		Startable: s.startable})
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, ErrQuit), errors.Is(err, ErrRestart):
		return err
	}
	log.Error("the agent ends", "error", err, audit.Agent) // on a desktop nobody reads what it prints
	s.logged = true
	return err
}

// hold makes this process the agent. An agent that already runs shows its state on
// the desktop, unless this start is quiet, and that state is returned; for an agent that is
// stopping it waits, and takes over.
//
// An agent that can ask nobody, because its desktop session has ended, stops in
// favour of one with a desktop.
func (s *invocation) hold(ctx context.Context, dir string, quiet bool) (*control.Held, state.State, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(firstLimit, func() { cancel(context.DeadlineExceeded) })
	defer patience.Stop()
	desktop := sync.OnceValue(func() bool { return s.DisplayAnswers(ctx) })
	for {
		held, err := control.Acquire(dir)
		var running *control.RunningError
		if !errors.As(err, &running) {
			return held, state.State{}, err
		}
		first, showErr := remote.Show(ctx, dir, remote.Start{Lang: s.lang, Desktop: desktop(), Quiet: quiet})
		if showErr == nil {
			return nil, first, nil
		}
		if errors.Is(showErr, &control.Error{Code: control.CodeStopping}) {
			patience.Reset(endLimit)
		}
		select {
		case <-ctx.Done():
			return nil, first, errors.Join(running, showErr)
		case <-time.After(firstPause):
		}
	}
}

// yield ends the agents of desktop sessions of this account that are over: this one has another
// folder, and would never meet them.
func (s *invocation) yield(ctx context.Context, dir string) {
	ctx, cancel := context.WithTimeout(ctx, firstLimit)
	defer cancel()
	_ = remote.Yield(ctx, dir) // one that hangs asks nobody either
}

// second ends a start that found another agent.
func (s *invocation) second(ctx context.Context, first state.State, err error) error {
	var running *control.RunningError
	switch {
	case err == nil:
		fmt.Fprint(s.stdout, first.Text(s.lang))
		return nil
	case !errors.As(err, &running):
		return err
	case errors.Is(err, &control.Error{Code: control.CodeStarting}):
		s.say(s.Text("command.run.starting", running.PID))
		return nil
	}
	s.logger(s.stderr).Error("second start", "error", err)
	hangs := s.Text("command.run.hangs", running.PID)
	fmt.Fprintln(s.stderr, hangs)
	s.report(ctx, hangs)
	return errProblem
}
