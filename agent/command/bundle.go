package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// onStdout is the name of no file.
const onStdout = "-"

// reportOptions are those of doctor that are about one failure or one report.
type reportOptions struct {
	file, reference string
	withHost        bool
}

// check returns what is wrong with the options, before anything is examined.
func (o reportOptions) check(json, identity bool) error {
	switch {
	case o.file != "" && identity:
		return misused("command.misuse.names_nobody", "--report", "--identity")
	case o.file == onStdout && json:
		return misused("command.misuse.one_output", "--report -", "--json")
	case o.withHost && o.file == "":
		return misused("command.misuse.missing", "--with-host", "--report")
	case o.reference != "" && reference.Read(o.reference) == "":
		return misused("command.misuse.no_reference", o.reference)
	}
	return nil
}

// bundle makes the report's file of what doctor found. The agent that runs is asked first:
// it then has written what it had only counted.
func (s *invocation) bundle(dir string, found doctor.Report, x state.State, runs bool, o reportOptions) error {
	b := doctor.Bundle{Report: found, At: time.Now(), System: s.System, Settings: s.settingsInForce(), State: x, Agent: runs}
	if o.withHost {
		b.Host, _ = os.Hostname() // one without a name is not named
	}
	b.Log, b.Audit, b.LogErr = logs(dir)
	text := b.Text(s.lang)
	if o.file == onStdout {
		_, err := fmt.Fprint(s.stdout, text)
		return err
	}
	if err := s.writeReport(o.file, text); err != nil {
		return err
	}
	if !s.json {
		s.say(s.Text("command.doctor.report_written", visible.Text(o.file)))
	}
	return nil
}

func logs(dir string) (log, marked []journal.Line, err error) {
	log, err = journal.Read(dir, journal.Name)
	marked, auditErr := journal.Read(dir, journal.AuditName)
	return log, marked, errors.Join(err, auditErr)
}

// writeReport replaces a report of before, and nothing else. What is written is whole, or
// not there.
func (s *invocation) writeReport(file, text string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(file)); errors.Is(err, fs.ErrNotExist) {
			s.complain(s.Text("command.doctor.no_folder", visible.Text(filepath.Dir(file))))
			return errUsage
		}
	case err != nil:
		return err
	case info.IsDir():
		s.complain(s.Text("command.doctor.is_folder", visible.Text(file)))
		return errUsage
	case info.Mode().IsRegular():
		if before, err := plainfile.Read(file); err != nil || !isReport(string(before)) {
			s.complain(s.Text("command.doctor.no_report", visible.Text(file)))
			return errUsage
		}
	case info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice: // a disk
		s.complain(s.Text("command.doctor.no_report", visible.Text(file)))
		return errUsage
	default: // a pipe or a terminal has no content to lose
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		return errors.Join(err, f.Close())
	}
	if runtime.GOOS == "windows" { // whose older editors take anything else for another character set
		text = byteOrderMark + strings.ReplaceAll(text, "\n", "\r\n")
	}
	return atomicfile.Write(file, []byte(text), atomicfile.Options{})
}

const byteOrderMark = "\ufeff"

func isReport(text string) bool {
	text = strings.ReplaceAll(strings.TrimPrefix(text, byteOrderMark), "\r\n", "\n")
	return text == "" || strings.HasPrefix(text, doctor.BundleMark)
}

// findReference prints what the log says of a failure.
func (s *invocation) findReference(ctx context.Context, dir, said string) error {
	x, _ := s.agentsState(ctx, dir) // which then has written what it had only counted
	ref := reference.Read(said)
	log, marked, err := logs(dir)
	lines := doctor.Find(log, marked, ref, doctor.Private(x))
	for _, line := range lines {
		s.say(line)
	}
	switch all := append(marked, log...); {
	case len(lines) > 0:
		return nil
	case err != nil:
		return err
	case len(all) == 0:
		s.complain(s.Text("command.doctor.no_log", ref, visible.Text(dir)))
	default:
		from := all[0].Time
		for _, l := range all {
			if l.Time.Before(from) {
				from = l.Time
			}
		}
		s.complain(s.Text("command.doctor.not_found", ref, from.Local().Format("2006-01-02 15:04")))
	}
	return errProblem
}

// agentsState is the running agent's state, empty where none answers.
func (s *invocation) agentsState(ctx context.Context, dir string) (x state.State, runs bool) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	x, err := remote.State(ctx, dir, false)
	return x, err == nil
}
