package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// instance is one agent for a person's desktop session: the names of a mutex and a
// pipe, both open to the person's SID and logon only.
type instance struct {
	user     *windows.SID
	security string // SDDL
	mutex    string
	pipe     string
}

// find needs no folder: on Windows the state folder plays no part.
func find(string) (instance, error) {
	token := windows.GetCurrentProcessToken()
	user, err := token.GetTokenUser()
	if err != nil {
		return instance{}, fmt.Errorf("control: %w", err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		return instance{}, fmt.Errorf("control: %w", err)
	}
	sid := user.User.Sid.String()
	p := instance{
		user:  user.User.Sid,
		mutex: `Local\cpx-bridge-` + sid,
		pipe:  fmt.Sprintf(`\\.\pipe\cpx-bridge-%s-%d`, sid, session),
		// Nobody over the network, not even the person.
		security: "O:" + sid + "D:P(D;;GA;;;NU)(A;;GA;;;" + logon(token, sid) + ")",
	}
	return p, nil
}

// logon is the SID of this logon, which the user's other sessions do not have;
// where the token names none, the user's own.
func logon(token windows.Token, user string) string {
	groups, err := token.GetTokenGroups()
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

// lock is a mutex that exists as long as a process holds it open.
type lock struct{ handle windows.Handle }

func (p instance) acquire() (*lock, error) {
	sd, err := windows.SecurityDescriptorFromString(p.security)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	name, err := windows.UTF16PtrFromString(p.mutex)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	handle, err := windows.CreateMutex(attributes, false, name)
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		_ = windows.CloseHandle(handle)
		return nil, &RunningError{PID: p.serverPID()}
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, fmt.Errorf("%w: it holds %s", ErrOtherUser, p.mutex)
	case err != nil:
		return nil, fmt.Errorf("control: %s: %w", p.mutex, err)
	}
	return &lock{handle}, nil
}

// running reports whether the mutex exists.
func (p instance) running() error {
	name, err := windows.UTF16PtrFromString(p.mutex)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	handle, err := windows.OpenMutex(windows.SYNCHRONIZE, false, name)
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return nil
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return fmt.Errorf("%w: it holds %s", ErrOtherUser, p.mutex)
	case err != nil:
		return fmt.Errorf("control: %s: %w", p.mutex, err)
	}
	_ = windows.CloseHandle(handle)
	return &RunningError{PID: p.serverPID()}
}

// serverPID is only for people to read; 0 where it is not known.
func (p instance) serverPID() int {
	ctx, cancel := context.WithTimeout(context.Background(), lineLimit)
	defer cancel()
	c, err := winio.DialPipeContext(ctx, p.pipe)
	if err != nil {
		return 0
	}
	defer c.Close()
	pid, _ := otherEnd(c, windows.GetNamedPipeServerProcessId)
	return int(pid)
}

func (l *lock) release() error { return windows.CloseHandle(l.handle) }

// listen fails where another process listens on the name already: go-winio
// insists on the pipe's first instance, and rejects clients from the network.
func (p instance) listen() (net.Listener, error) {
	l, err := winio.ListenPipe(p.pipe, &winio.PipeConfig{SecurityDescriptor: p.security})
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", p.pipe, err)
	}
	return l, nil
}

func (p instance) tidy() error { return nil } // the pipe ends with its last handle

// dial connects to the agent and returns its process.
func dial(ctx context.Context, stateDir string) (net.Conn, int, error) {
	p, err := find(stateDir)
	if err != nil {
		return nil, 0, err
	}
	c, err := winio.DialPipeContext(ctx, p.pipe)
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

// sameUser returns the client's process, and an error where it is another user's.
// The pipe's security descriptor has let only that user in already.
func sameUser(c net.Conn) (pid int, err error) {
	p, err := find("")
	if err != nil {
		return 0, err
	}
	return p.check(c, windows.GetNamedPipeClientProcessId)
}

// check returns the process at the other end, and an error where its user is another.
func (p instance) check(c net.Conn, end func(windows.Handle, *uint32) error) (int, error) {
	pid, err := otherEnd(c, end)
	if err != nil {
		return 0, fmt.Errorf("control: who is at the other end: %w", err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOtherUser, err)
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOtherUser, err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOtherUser, err)
	}
	if !user.User.Sid.Equals(p.user) {
		return 0, fmt.Errorf("%w: %s", ErrOtherUser, user.User.Sid)
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
