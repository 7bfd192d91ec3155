package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// instance is one agent for a person's desktop session: a file in the person's own folder,
// held open, in which stands the name of its pipe. That name is another one each time: names
// that can be known beforehand, of pipes as of mutexes, any program in the session or on the
// machine can take first.
type instance struct {
	self
	file string
}

// self is who this process is.
type self struct {
	account.Account
	security string // SDDL of the pipe: open to the person's logon only
}

func find(stateDir string) (instance, error) {
	who, err := whoAmI()
	if err != nil {
		return instance{}, err
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return instance{}, fmt.Errorf("control: %w", err)
	}
	return instance{who, filepath.Join(stateDir, fmt.Sprintf("agent-%d.lock", who.Session))}, nil
}

// supervisors begins the names of the files of this session's supervisors.
func (p instance) supervisors() string {
	return filepath.Join(filepath.Dir(p.file), fmt.Sprintf("supervisor-%d-", p.Session))
}

func whoAmI() (self, error) {
	who, err := account.Of(windows.CurrentProcess())
	if err != nil {
		return self{}, fmt.Errorf("control: %w", err)
	}
	// Nobody over the network, not even the person.
	return self{who, "O:" + who.SID + "D:P(D;;GA;;;NU)(A;;GA;;;" + logon(who.SID) + ")"}, nil
}

// logon is the SID of this logon, which the user's other sessions do not have;
// where the token names none, the user's own.
func logon(user string) string {
	groups, err := windows.GetCurrentProcessToken().GetTokenGroups()
	if err != nil {
		return user
	}
	for _, g := range groups.AllGroups() {
		if g.Attributes&windows.SE_GROUP_LOGON_ID == windows.SE_GROUP_LOGON_ID {
			return g.Sid.String()
		}
	}
	return user
}

// lock is the file, which the system frees with the process, however that ends.
type lock struct {
	file *os.File
}

func (p instance) acquire() (*lock, error) {
	f, err := p.open(windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ, windows.OPEN_ALWAYS)
	switch {
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION):
		pid, _ := p.read()
		return nil, &RunningError{PID: pid}
	case err != nil:
		return nil, fmt.Errorf("control: %s: %w", p.file, err)
	}
	// What an agent of before wrote names nobody. Where there is no room, nothing reaches this
	// agent, which runs all the same.
	_ = f.Truncate(0)
	return &lock{f}, nil
}

// open opens the file; os.OpenFile would share it with whoever writes.
func (p instance) open(access, share, how uint32) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(p.file)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, access, share, nil, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), p.file), nil
}

// running reports whether somebody has the file open for writing, as the agent has.
func (p instance) running() error {
	f, err := p.open(windows.GENERIC_READ, windows.FILE_SHARE_READ, windows.OPEN_EXISTING)
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND), errors.Is(err, windows.ERROR_PATH_NOT_FOUND):
		return nil
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION):
		pid, _ := p.read()
		return &RunningError{PID: pid}
	case err != nil:
		return fmt.Errorf("control: %s: %w", p.file, err)
	}
	return f.Close()
}

// pipePrefix begins the name of each pipe.
const pipePrefix = `\\.\pipe\cpx-bridge-`

// written is what stands in the file: the agent's process, which is only for people to read,
// and its pipe. A name of another machine's, which Windows would log in at, is none.
var written = lazyregexp.New(`^([0-9]{1,10})\n(\\\\\.\\pipe\\cpx-bridge-[A-Z0-9]{26})\n$`)

// read is the agent's process and pipe, 0 and "" where they are not known.
func (p instance) read() (pid int, pipe string) {
	f, err := p.open(windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.OPEN_EXISTING)
	if err != nil {
		return 0, ""
	}
	defer f.Close()
	text := make([]byte, 200)
	n, _ := f.Read(text)
	found := written.FindSubmatch(text[:n])
	if found == nil {
		return 0, ""
	}
	_, _ = fmt.Sscan(string(found[1]), &pid)
	return pid, string(found[2])
}

// release empties the file and leaves it in its place: NTFS refuses one that is deleted while
// another program has it open, as scanners do, and so would the next agent be.
func (l *lock) release() error {
	_ = l.file.Truncate(0) // else it names a pipe that is gone, as after a crash
	return l.file.Close()
}

// free removes a supervisor's files; one that is held cannot be removed here.
func (p instance) free(l *lock) error {
	_, _, _ = os.Remove(p.mark()), os.Remove(p.ends()), os.Remove(p.done())
	err := l.release()
	_ = os.Remove(p.file)
	return err
}

// listen makes the pipe and says in the file where it is. go-winio insists on the pipe's
// first instance, and rejects clients from the network.
func (p instance) listen(l *lock) (net.Listener, error) {
	name := pipePrefix + rand.Text()
	listener, err := winio.ListenPipe(name, &winio.PipeConfig{SecurityDescriptor: p.security})
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", name, err)
	}
	if _, err := fmt.Fprintf(l.file, "%d\n%s\n", os.Getpid(), name); err != nil {
		return nil, errors.Join(fmt.Errorf("control: %w", err), listener.Close())
	}
	return listener, nil
}

func (p instance) tidy() error { return nil } // the pipe ends with its last handle

// dial connects to the agent and returns its process. Nothing is sent before that is checked,
// and the other end learns nothing of this process's rights: go-winio lets it act as nobody
// (SECURITY_ANONYMOUS).
func dial(ctx context.Context, stateDir string) (net.Conn, int, error) {
	p, err := find(stateDir)
	if err != nil {
		return nil, 0, err
	}
	_, name := p.read()
	if name == "" {
		return nil, 0, ErrNoAgent
	}
	c, err := winio.DialPipeContext(ctx, name)
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return nil, 0, ErrNoAgent
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, 0, ErrOtherUser
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	pid, err := p.check(c, windows.GetNamedPipeServerProcessId)
	if err != nil {
		return nil, 0, errors.Join(err, c.Close())
	}
	return c, pid, nil
}

// sameUser returns the client's process, and an error where it is another user's, or in
// another desktop session. The pipe's security descriptor has let only this logon in already.
func sameUser(c net.Conn) (pid int, err error) {
	who, err := whoAmI()
	if err != nil {
		return 0, err
	}
	return who.check(c, windows.GetNamedPipeClientProcessId)
}

// check returns the process at the other end, and an error where its user or its session is
// another.
func (who self) check(c net.Conn, end func(windows.Handle, *uint32) error) (int, error) {
	pid, err := otherEnd(c, end)
	if err != nil {
		return 0, fmt.Errorf("control: who is at the other end: %w", err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOtherUser, err)
	}
	defer windows.CloseHandle(process)
	other, err := account.Of(process)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOtherUser, err)
	}
	if !other.Same(who.Account) {
		return 0, fmt.Errorf("%w: %v", ErrOtherUser, other)
	}
	return int(pid), nil
}

func otherEnd(c net.Conn, end func(windows.Handle, *uint32) error) (uint32, error) {
	pipe, ok := c.(interface{ Fd() uintptr })
	if !ok {
		return 0, os.ErrInvalid
	}
	var pid uint32
	err := end(windows.Handle(pipe.Fd()), &pid)
	return pid, err
}
