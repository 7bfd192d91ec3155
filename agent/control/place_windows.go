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

// place is the person's desktop session: the names of a mutex and a pipe, both
// for the person's SID and logon only.
type place struct {
	user     *windows.SID
	security string // SDDL
	mutex    string
	pipe     string
}

// find needs no folder: the state's plays no part on Windows.
func find(string) (place, error) {
	token := windows.GetCurrentProcessToken()
	user, err := token.GetTokenUser()
	if err != nil {
		return place{}, fmt.Errorf("control: %w", err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		return place{}, fmt.Errorf("control: %w", err)
	}
	sid := user.User.Sid.String()
	p := place{
		user:  user.User.Sid,
		mutex: `Local\cpx-bridge-` + sid,
		pipe:  fmt.Sprintf(`\\.\pipe\cpx-bridge-%s-%d`, sid, session),
		// Nobody over the network, not even the person.
		security: "O:" + sid + "D:P(D;;GA;;;NU)(A;;GA;;;" + logon(token, sid) + ")",
	}
	return p, nil
}

// logon is the SID of this logon, which other sessions of the same user do not
// have; where the token names none, the user's.
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

func (p place) take() (*lock, error) {
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
		return nil, fmt.Errorf("%w: it holds %s", ErrStranger, p.mutex)
	case err != nil:
		return nil, fmt.Errorf("control: %s: %w", p.mutex, err)
	}
	return &lock{handle}, nil
}

// serverPID is for people to read.
func (p place) serverPID() int {
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
// makes the first instance only where there is none, and takes nobody from the
// network.
func (p place) listen() (net.Listener, error) {
	l, err := winio.ListenPipe(p.pipe, &winio.PipeConfig{SecurityDescriptor: p.security})
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", p.pipe, err)
	}
	return l, nil
}

func (p place) tidy() error { return nil } // the pipe goes with its last handle

// dial connects to the agent and gives its process.
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
		return nil, 0, ErrStranger
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	pid, err := p.check(c, windows.GetNamedPipeServerProcessId)
	if err != nil {
		return nil, 0, errors.Join(err, c.Close())
	}
	return c, pid, nil
}

// sameUser returns the client's process where it is the same user's. The pipe's
// security descriptor has said so before.
func sameUser(c net.Conn) (pid int, err error) {
	p, err := find("")
	if err != nil {
		return 0, err
	}
	return p.check(c, windows.GetNamedPipeClientProcessId)
}

// check finds the process at the other end and its user.
func (p place) check(c net.Conn, end func(windows.Handle, *uint32) error) (int, error) {
	pid, err := otherEnd(c, end)
	if err != nil {
		return 0, fmt.Errorf("control: who is at the other end: %w", err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStranger, err)
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStranger, err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStranger, err)
	}
	if !user.User.Sid.Equals(p.user) {
		return 0, fmt.Errorf("%w: %s", ErrStranger, user.User.Sid)
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
