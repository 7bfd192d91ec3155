package command

import (
	"io"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
)

// journalled is the log of an agent that runs: on standard error, and in the
// file that the tray opens. Each is written whatever becomes of the other. An
// agent without such a file runs, and says so.
func journalled(p settings, state string, stderr io.Writer) (log *slog.Logger, path string, end func()) {
	log = logger(p, stderr)
	file, path, err := journal.Open(state)
	if err != nil {
		log.Warn("the log is not kept in a file", "error", err)
		return log, "", func() {}
	}
	return slog.New(slog.NewMultiHandler(log.Handler(), logger(p, file).Handler())), path, func() { _ = file.Close() }
}
