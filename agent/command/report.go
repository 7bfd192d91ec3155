package command

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// report shows why there is no agent to a person who does not see what is printed, and
// writes it into the log for IT support.
func (s *invocation) report(ctx context.Context, text string) {
	if s.Failed == nil {
		return
	}
	shown := s.Text("command.failed", text)
	if file := s.logFailure(text); file != "" {
		shown += "\n\n" + s.Text("command.failed_log", file)
	}
	s.Failed(ctx, s.lang, shown)
}

// logFailure writes the text into the log, unless it is there already, and returns the
// log's file, "" where it could not be written.
func (s *invocation) logFailure(text string) string {
	dir, err := dirs.State()
	if err != nil {
		return ""
	}
	if s.logged {
		return filepath.Join(dir, journal.Name)
	}
	log := journal.NewLog(dir, io.Discard, func(w io.Writer) slog.Handler { return s.logger(w).Handler() })
	defer func() { _ = log.Close() }()
	log.Logger().Error("the agent does not start", "error", text, audit.Agent)
	if _, err := log.Failure(); err != nil {
		return ""
	}
	return log.File()
}
