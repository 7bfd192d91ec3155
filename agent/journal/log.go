package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// AuditName is the file of the lines that package audit marks, beside Name: who was
// let in and who was refused. The same lines are in Name.
const AuditName = "audit.log"

// Log is the log of a running agent: its file, the file of the marked lines, and
// standard error, each independently of the others. What comes again and again is
// counted, so that it pushes nothing out of the files. Its files' state is Journal's.
type Log struct {
	*Journal
	audit  *Journal
	flood  *flood
	stderr *bounded
}

// NewLog opens the log in the state folder. text makes the handler that writes lines as
// the settings ask for; the marked lines are kept whatever they ask for. That a file
// cannot be written is reported to stderr. others get the lines that are written, too.
func NewLog(stateDir string, stderr io.Writer, text func(io.Writer) slog.Handler, others ...slog.Handler) *Log {
	l := &Log{stderr: &bounded{w: stderr}}
	printed := text(l.stderr)
	l.Journal = Open(stateDir, slog.New(printed))
	l.audit = openAudit(l.Journal)
	l.flood = newFlood(slog.NewMultiHandler(append([]slog.Handler{printed, text(l.Journal), marked{slog.NewTextHandler(l.audit, nil)}}, others...)...))
	return l
}

// Logger is the logger that writes it.
func (l *Log) Logger() *slog.Logger { return slog.New(l.flood) }

// Flush writes what has been counted so far, for someone who is about to read.
func (l *Log) Flush() { l.flood.flush() }

// Failure is which file of the log is not kept at present, and why; or nil.
func (l *Log) Failure() (file string, err error) {
	for _, j := range []*Journal{l.Journal, l.audit} {
		if err := j.Err(); err != nil {
			return j.File(), err
		}
	}
	return "", nil
}

// Close writes what has been counted, and closes the files.
func (l *Log) Close() error {
	l.flood.close()
	l.stderr.close()
	return errors.Join(l.audit.Close(), l.Journal.Close())
}

// marked passes on the lines that package audit marks.
type marked struct{ slog.Handler }

func (m marked) Handle(ctx context.Context, r slog.Record) error {
	if _, is := mark(r); !is {
		return nil
	}
	return m.Handler.Handle(ctx, r)
}

// mark is a record's mark. flood has put all attributes into the record itself.
func mark(r slog.Record) (kind string, is bool) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == audit.Key {
			kind, is = a.Value.String(), true
		}
		return !is
	})
	return kind, is
}
