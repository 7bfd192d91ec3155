// Package journal keeps the agent's log in a file that the person can open from
// the tray, beside the standard error that nobody sees on a desktop.
//
// One agent writes a journal at a time. It is bounded: a full file is set aside
// for a new one, and only the newest few remain. Nobody but the person can read it.
// Where nothing can be written, as on a full disk, the agent goes on: the journal
// reports it, tries again at each line, and says in the file what it lacks.
//
// Its methods may be called concurrently.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
)

// Name is the file's name in the state folder. Older files lie beside it with
// their time in the name.
const Name = "agent.log"

const (
	maxMegabytes = 2
	maxOld       = 2

	maxAuditMegabytes = 1
	maxAuditOld       = 4
)

// stamp is how a line's time is written.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// Why no log is kept, for programs: see Reason.
const (
	Full    = "log_full"
	Refused = "log_refused"
	// AuditRefused says that the file of the marked lines alone is not kept.
	AuditRefused = "audit_log_refused"
)

// Reason is the name of an error of Failure, Err or Check for programs, "" for nil.
func Reason(err error) string {
	var path *fs.PathError
	switch {
	case err == nil:
		return ""
	case atomicfile.NoSpace(err):
		return Full
	case errors.As(err, &path) && filepath.Base(path.Path) == AuditName:
		return AuditRefused
	}
	return Refused
}

// limits bound a journal's files.
type limits struct{ megabytes, old int }

// Journal is a file of the log.
type Journal struct {
	path    string
	limits  limits
	aside   *slog.Logger // which reports that the file is not kept
	changes *broadcast.Signal

	mu    sync.Mutex
	file  *lumberjack.Logger // nil while the file could not be opened
	err   error              // why the last line was not written, or nil
	lines int                // that were not, since the file was last written to
	torn  bool               // the file's last line is part of one
}

var errNotAFile = errors.New("journal: this is no regular file")

func notAFile(file string) error { return &fs.PathError{Op: "write", Path: file, Err: errNotAFile} }

// Open opens the journal in the state folder, which it creates where it is missing.
// That nothing can be written is reported to aside, once until it can be again.
func Open(stateDir string, aside *slog.Logger) *Journal {
	j := &Journal{path: filepath.Join(stateDir, Name), aside: aside, changes: new(broadcast.Signal), limits: limits{maxMegabytes, maxOld}}
	j.begin()
	return j
}

// openAudit opens the file of the marked lines beside a journal, whose listeners it
// wakes too.
func openAudit(beside *Journal) *Journal {
	j := &Journal{
		path: filepath.Join(filepath.Dir(beside.path), AuditName), aside: beside.aside, changes: beside.changes,
		limits: limits{maxAuditMegabytes, maxAuditOld},
	}
	j.begin()
	return j
}

func (j *Journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail(j.open())
}

// File is the file's path.
func (j *Journal) File() string { return j.path }

// Changes wakes when Err is another than before, until ctx ends.
func (j *Journal) Changes(ctx context.Context) <-chan struct{} { return j.changes.Listen(ctx) }

// Err is why no log is kept at present, or nil. Where the last line could not be
// written it tries again, so that the answer is of now.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		j.fail(j.catchUp())
	}
	return j.err
}

// Write writes a line.
func (j *Journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.catchUp()
	if err == nil {
		err = j.write(line)
	}
	if err != nil {
		j.lines++
	}
	j.fail(err)
	return len(line), err
}

// Close closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// fail remembers why nothing could be written, and reports the first failure and the
// first success after it; j.mu is held.
func (j *Journal) fail(err error) {
	if err != nil && !atomicfile.NoSpace(err) {
		if full := Check(filepath.Dir(j.path)); atomicfile.NoSpace(full) { // the error of a rotation does not say so
			err = fmt.Errorf("%w: %w", err, full)
		}
	}
	before := j.err
	j.err = err
	switch {
	case Reason(before) == Reason(err):
		return
	case err != nil:
		j.aside.Warn("the log is not kept in its file", "file", j.path, "error", err)
	default:
		j.aside.Info("the log is kept in its file again", "file", j.path)
	}
	j.changes.Publish()
}

// catchUp opens a file that could not be opened, and says in it what it lacks; j.mu
// is held.
func (j *Journal) catchUp() error {
	if j.err == nil {
		return nil
	}
	if err := j.open(); err != nil {
		return err
	}
	gap := fmt.Sprintf("time=%s level=WARN msg=\"lines are missing here\" lines=%d why=%q\n", time.Now().Format(stamp), j.lines, j.err.Error())
	if err := j.write([]byte(gap)); err != nil {
		return err
	}
	j.lines = 0
	return nil
}

// write writes a line; j.mu is held. A disk that becomes full takes part of a line,
// which is ended before the next.
func (j *Journal) write(line []byte) error {
	if j.torn {
		if _, err := j.file.Write([]byte("\n")); err != nil {
			return err
		}
		j.torn = false
	}
	n, err := j.file.Write(line)
	j.torn = err != nil && n > 0
	return err
}

// open opens the file where it is not open; j.mu is held.
func (j *Journal) open() error {
	if j.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return notAFile(j.path)
	}
	// Created here, so that its mode is ours whatever was there before.
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	j.file = &lumberjack.Logger{Filename: j.path, MaxSize: j.limits.megabytes, MaxBackups: j.limits.old, LocalTime: true}
	return nil
}
