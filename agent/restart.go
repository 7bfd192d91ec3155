package agent

import (
	"context"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/filewatch"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Restart has the program that is installed now follow this agent, where it is another, would
// start, and no login runs: none is ended for it, and none that begins meanwhile either. The
// error is a *state.RestartError, and this agent goes on.
//
// What was decided once is so for who asks meanwhile, as a menu does beside an
// administrator's command: nil, as for the first.
func (s *Server) Restart(ctx context.Context) error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	if s.followed {
		return nil
	}
	s.readProgram()
	r := s.replaced.Load()
	switch {
	case s.options.Restart == nil, r == nil:
		return &state.RestartError{Reason: state.RestartSame}
	case r.Removed:
		return &state.RestartError{Reason: state.RestartRemoved}
	case s.login.InUse():
		return &state.RestartError{Reason: state.RestartInUse}
	}
	if s.options.Startable != nil {
		if err := s.options.Startable(ctx); err != nil {
			s.options.Logger.Warn("the program that is installed does not follow this one", "version", r.Version, "error", err, audit.Agent)
			return err
		}
	}
	if _, alone := s.login.Alone(); !alone { // one that has begun since
		return &state.RestartError{Reason: state.RestartInUse}
	}
	s.options.Logger.Info("the program that is installed follows this one", "version", r.Version, audit.Agent)
	s.followed = true
	s.options.Restart() // logins begin with the next agent
	return nil
}

// ShowRestartFailure says in a window why Restart failed, and returns at once. A login that
// runs is told of in the menu alone: its window is to stand alone.
func (s *Server) ShowRestartFailure(ctx context.Context, err error) {
	if bad, is := errors.AsType[*state.RestartError](err); is && bad.Reason != state.RestartInUse {
		s.restartErr.Store(bad)
		s.restart.Open(ctx)
	}
}

func (s *Server) showRestartFailure(ctx context.Context, opened func()) {
	lang := s.language.current()
	ctx, end := s.untilLogin(ctx)
	defer end()
	opened()
	say, why := texts.In(lang), s.restartErr.Load().Text(lang)
	n := prompt.Notice{Title: say.Text("tray.restart_title"), Hint: why}
	if s.options.Nameless != nil {
		n.Label, n.Copy = say.Text("state.hotline"), s.options.Nameless(s.State().ReplacedText(lang)+"\n"+why)
	}
	s.show(ctx, lang, n)
}

// readProgram finds out whether this program's file is still what runs.
func (s *Server) readProgram() {
	if s.options.Program == nil {
		return
	}
	var now *state.Replaced
	if c, changed := s.options.Program.Changed(); changed {
		now = &state.Replaced{Version: c.Version, Removed: c.Removed}
	}
	before := s.replaced.Swap(now)
	if (before == nil) == (now == nil) && (now == nil || *before == *now) {
		return
	}
	if now != nil {
		s.options.Logger.Info("the program's file is another than the one that runs", "version", now.Version, "removed", now.Removed, audit.Agent)
	}
	s.changes.Publish()
}

// watchProgram does so when the file is replaced, and where that cannot be watched, as on a
// network drive, whenever the state changes otherwise: a login ended, a card came.
func (s *Server) watchProgram(ctx context.Context) {
	if s.options.Program == nil {
		return
	}
	// One that waits serves for all: a file is written in many pieces.
	wanted := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		err := filewatch.Follow(ctx, []string{s.options.Program.Path()}, func() {
			select {
			case wanted <- struct{}{}:
			default:
			}
		})
		if err != nil && ctx.Err() == nil {
			s.options.Logger.Info("the program's file is not watched; an upgrade is noticed when the state next changes", "error", err)
		}
	}()
	s.followProgram(ctx, wanted)
	<-watched
}

func (s *Server) followProgram(ctx context.Context, wanted <-chan struct{}) {
	for changes := s.changes.Listen(ctx); ; {
		select {
		case <-wanted:
		case <-changes:
		case <-ctx.Done():
			return
		}
		s.readProgram()
	}
}
