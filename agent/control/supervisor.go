package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// Supervisor makes a process that starts agents known to [End], also while no agent runs,
// as between a crash and the next start. It is a file with the process's number, held as the
// agent holds its own: the system frees it with the process, however that ends.
type Supervisor struct {
	file instance
	lock *lock
}

// registering is how long a supervisor tries to register: End may hold its file for a moment,
// where one of before had the same number.
const registering = time.Second

// Register makes this process known as a supervisor until Close. What one of before with its
// number was asked does not count for it. It removes what supervisors have in their folder that
// were killed, as at the end of a session of Windows: nobody else may ever do so.
func Register(stateDir string) (*Supervisor, error) {
	p, err := find(stateDir)
	if err != nil {
		return nil, err
	}
	s := &Supervisor{file: p.supervisor(os.Getpid())}
	for end := time.Now().Add(registering); ; time.Sleep(endPause) {
		if s.lock, err = s.file.acquire(); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unmark(s.file.mark()), unmark(s.file.ends()), unmark(s.file.done())); err != nil {
		return nil, errors.Join(err, s.lock.release())
	}
	p.discardKilled()
	return s, nil
}

// Quit reports whether the person wants no agent any more. It is false for nil.
func (s *Supervisor) Quit() bool {
	if s == nil {
		return false
	}
	_, err := os.Lstat(s.file.mark())
	return err == nil
}

// Done reports whether the agent has said that it ends on purpose: one that is killed after
// that, as by a module that it closes, or while its last window stands, has not crashed. It is
// false for nil.
func (s *Supervisor) Done() bool {
	if s == nil {
		return false
	}
	_, ends := os.Lstat(s.file.ends())
	_, ended := os.Lstat(s.file.done())
	return ends == nil || ended == nil
}

// AgentEnded says for the agent of a supervisor that it has ended on purpose, and that only a
// window of its stands yet: [End] has nothing to end there.
func AgentEnded(stateDir string, supervisor int) {
	p, err := find(stateDir)
	if err != nil || supervisor <= 0 {
		return
	}
	if p = p.supervisor(supervisor); p.running() != nil {
		_ = touch(p.done())
	}
}

// Close says that this process starts no agent any more.
func (s *Supervisor) Close() error {
	if s == nil {
		return nil
	}
	return s.file.free(s.lock)
}

// supervisor is the file of the supervisor with a number.
func (p instance) supervisor(pid int) instance {
	p.file = p.supervisors() + strconv.Itoa(pid)
	return p
}

// ends is the file that says that the person quits the agent, which has not ended yet.
func (p instance) ends() string { return p.file + ".ends" }

// done is the file that says that the agent has ended on purpose.
func (p instance) done() string { return p.file + ".done" }

// mark is the file that asks a supervisor to start no agent any more. It is empty: a disk
// that is full has room for it.
func (p instance) mark() string { return p.file + ".quit" }

// asked is a supervisor that was asked to start no agent any more.
type asked struct {
	file  instance
	pid   int
	watch *endWatch // from when it was known to run: its number may be another's later
}

// goesOn reports whether it could start an agent yet, or has not ended.
func (a *asked) goesOn() bool {
	return a.file.running() != nil || a.watch.known() && !a.watch.ended()
}

// PersonQuits says to the supervisor of an agent that the person quits it, and asks all others to
// start no agent any more. It is for the moment in which the person quits: who starts an agent
// after that wants one.
func PersonQuits(stateDir string, supervisor int) error {
	p, err := find(stateDir)
	if err != nil {
		return err
	}
	if p = p.supervisor(supervisor); supervisor > 0 && p.running() != nil {
		err = touch(p.ends())
	}
	all, notAsked := askSupervisors(stateDir, supervisor)
	for _, a := range all {
		a.watch.close()
	}
	return errors.Join(err, notAsked)
}

// askSupervisors asks those that run to start no agent any more, but for one, and returns them.
// The error is why one of them could not be asked; it may end all the same, as with its agent.
func askSupervisors(stateDir string, but int) (all []*asked, err error) {
	p, err := find(stateDir)
	if err != nil {
		return nil, err
	}
	folder, prefix := filepath.Split(p.supervisors())
	files, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	for _, f := range files {
		number, is := strings.CutPrefix(f.Name(), prefix)
		pid, notNumber := strconv.Atoi(number)
		if !is || notNumber != nil || pid <= 0 || pid == but {
			continue
		}
		a := &asked{file: p.supervisor(pid), pid: pid, watch: watchProcess(pid)}
		if a.file.running() == nil { // it was killed
			a.watch.close()
			a.file.discard()
			continue
		}
		if _, done := os.Lstat(a.file.done()); done == nil {
			a.watch.close()
			continue
		}
		err = errors.Join(err, touch(a.file.mark()))
		all = append(all, a)
	}
	return all, err
}

// touch makes an empty file.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return f.Close()
}

func unmark(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// ofSupervisor matches the files of supervisors, on Windows those of any session.
var ofSupervisor = lazyregexp.New(`^(supervisor-(?:[0-9]+-)?[0-9]+)(?:\.quit|\.ends|\.done)?$`)

// discardKilled removes the files of all supervisors that were killed. That is no error where it
// cannot be: none of them keeps anything from running.
func (p instance) discardKilled() {
	folder := filepath.Dir(p.supervisors())
	files, _ := os.ReadDir(folder)
	for _, f := range files {
		name := ofSupervisor.FindStringSubmatch(f.Name())
		if name == nil {
			continue
		}
		if p.file = filepath.Join(folder, name[1]); p.running() == nil {
			p.discard()
		}
	}
}

// discard removes the file of a supervisor that was killed, unless one of now has its number.
func (p instance) discard() {
	if l, err := p.acquire(); err == nil {
		_ = p.free(l)
	}
}
