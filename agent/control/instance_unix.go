//go:build !windows

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/desktopsession"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// instance is the folder of lock and socket, which only the person can reach. One
// folder is one agent.
type instance struct{ dir, file string }

// find returns the folder of this desktop session's agent. Where there is none, acquire makes
// it: a command that only looks leaves nothing behind.
func find(stateDir string) (instance, error) {
	p, err := first(stateDir)
	if err != nil {
		return p, err
	}
	return p.inSession(desktopsession.Own()), nil
}

// first returns $XDG_RUNTIME_DIR/cpx-bridge. Where the variable is missing or names
// no folder of the person's own (after su, from cron), it uses /run/user/UID, the
// variable's usual value, so that such a command finds the running agent; where
// that is missing too, the folder run in the agent's state.
func first(stateDir string) (instance, error) {
	for _, dir := range []string{dirs.Runtime(), dirs.RuntimeOfUser()} {
		if dir != "" && trusted(dir) == nil {
			p := in(filepath.Join(dir, folder))
			return p, p.prepare()
		}
	}
	p := in(filepath.Join(stateDir, "run"))
	return p, p.prepare()
}

func in(dir string) instance { return instance{dir, filepath.Join(dir, "lock")} }

// supervisors begins the names of the supervisors' files.
func (p instance) supervisors() string { return filepath.Join(p.dir, "supervisor-") }

// trusted refuses a folder in which others could replace ours.
func trusted(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return ownerError(dir, "is none")
	}
	return belongs(dir, info, 0o022)
}

// belongs checks the owner, and that nobody else has one of the rights.
func belongs(path string, info fs.FileInfo, others fs.FileMode) error {
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return ownerError(path, "belongs to another user")
	}
	if info.Mode().Perm()&others != 0 {
		return ownerError(path, "is open to other users")
	}
	return nil
}

func (p instance) prepare() error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	info, err := os.Lstat(p.dir) // a link could lead anywhere
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if !info.IsDir() {
		return ownerError(p.dir, "is none")
	}
	if err := belongs(p.dir, info, 0); err != nil {
		return err
	}
	if info.Mode().Perm() != 0o700 { // ours, but made by another program
		return os.Chmod(p.dir, 0o700)
	}
	return nil
}

// lock is an flock(2), which the kernel drops with the process, however that ends.
type lock struct{ file *os.File }

// acquire locks the file. Nothing ever removes it: an agent that has just opened a
// removed file would hold a lock that nobody else sees.
func (p instance) acquire() (*lock, error) {
	if err := p.prepare(); err != nil {
		return nil, err
	}
	path := p.file
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			pid := readPID(f)
			_ = f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, &RunningError{PID: pid}
			}
			return nil, fmt.Errorf("control: lock %s: %w", path, err)
		}
		if !sameFile(f, path) { // it was removed between open and lock
			_ = f.Close()
			continue
		}
		markInUse(path)
		// Only for people to read: a folder without room stops no agent.
		_ = f.Truncate(0)
		_ = writeHolder(f)
		return &lock{f}, nil
	}
}

// running asks for a shared lock, for a moment: an agent that begins just then finds this
// process for another, and tries once more.
func (p instance) running() error {
	f, err := os.OpenFile(p.file, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	defer f.Close() // which drops the lock
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &RunningError{PID: readPID(f)}
	}
	return err
}

func sameFile(f *os.File, path string) bool {
	ours, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(ours, there)
}

// markInUse sets the sticky bit, which asks programs that clean up the folder to
// spare a file (XDG Base Directory Specification).
func markInUse(path string) { _ = os.Chmod(path, 0o600|fs.ModeSticky) }

// readPID is only for people to read; 0 where the other agent has not written it yet.
func readPID(f *os.File) int {
	pid, _ := readHolder(f)
	return pid
}

func (l *lock) release() error { return l.file.Close() }

// free removes a supervisor's files, while they are held: later they may be another one's.
func (p instance) free(l *lock) error {
	_, _, _ = os.Remove(p.mark()), os.Remove(p.ends()), os.Remove(p.done())
	_ = os.Remove(p.file)
	return l.release()
}

// maxSocketPath is what sun_path holds on macOS, in bytes; on Linux four more fit.
const maxSocketPath = 103

// socket is the socket's path. One too long for the kernel goes through a
// descriptor of the folder, which done closes.
func (p instance) socket() (path string, done func(), err error) {
	path = filepath.Join(p.dir, "control")
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(p.dir)
	if err != nil {
		return "", nil, err
	}
	short := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	if _, err := os.Lstat(short); err != nil {
		return "", nil, errors.Join(fmt.Errorf("control: the path %s is too long for a socket", path), dir.Close())
	}
	return short + "/control", func() { _ = dir.Close() }, nil
}

// listen replaces an existing socket: this process holds the lock, so nobody
// listens on that one any more.
func (p instance) listen(*lock) (net.Listener, error) {
	path, done, err := p.socket()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	// By the time this agent closes it, the path may be the next agent's.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	markInUse(path)
	return l, nil
}

// tidy removes the socket.
func (p instance) tidy() error {
	err := os.Remove(filepath.Join(p.dir, "control"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// dial connects to the agent and returns its process, 0 where not known.
func dial(ctx context.Context, stateDir string) (net.Conn, int, error) {
	p, err := find(stateDir)
	if err != nil {
		return nil, 0, err
	}
	return p.dial(ctx)
}

func (p instance) dial(ctx context.Context) (net.Conn, int, error) {
	path, done, err := p.socket()
	if err != nil {
		return nil, 0, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return nil, 0, ErrNoAgent
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	pid, err := sameUser(c)
	if err != nil {
		return nil, 0, errors.Join(err, c.Close())
	}
	return c, pid, nil
}

// sameUser returns the process at the other end, and an error where it is another user's.
func sameUser(c net.Conn) (pid int, err error) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return 0, ErrOtherUser
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var uid int
	controlErr := raw.Control(func(fd uintptr) { uid, pid, err = credentials(int(fd)) })
	if err := errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("control: who is at the other end: %w", err)
	}
	if uid != os.Geteuid() {
		return 0, fmt.Errorf("%w: %d", ErrOtherUser, uid)
	}
	return pid, nil
}
