package everyone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is one that runs this program, held open by a descriptor (pidfd_open(2)), so that
// its number never stands for another one.
type process struct {
	pid, parent, fd int
}

// processes are those that run this program's file in this root, but this one and those
// that it was started by. A file that was replaced while it runs has "(deleted)" behind its
// name (proc_pid_exe(5)).
func processes() ([]process, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotAdministrator
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("everyone: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("everyone: %w", err)
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ours := open(pid, self); ours {
			all = append(all, p)
		}
	}
	return withoutOwn(all), nil
}

// open returns a process that runs the program.
func open(pid int, program string) (process, bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return process{}, false // it has ended
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	exe, err := os.Readlink(dir + "/exe")
	if err != nil || strings.TrimSuffix(exe, " (deleted)") != program || !sameRoot(dir) {
		_ = unix.Close(fd)
		return process{}, false
	}
	return process{pid: pid, parent: parent(dir), fd: fd}, true
}

// sameRoot is false for a process in a container or another root, whose file of the same
// name is another program's. Seen from such a root, so is the machine's own.
func sameRoot(dir string) bool {
	theirs, err := os.Stat(dir + "/root")
	own, ownErr := os.Stat("/")
	return err == nil && ownErr == nil && os.SameFile(theirs, own)
}

// parent is the process that started it, 0 where it has ended.
func parent(dir string) int {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if number, found := strings.CutPrefix(line, "PPid:"); found {
			n, _ := strconv.Atoi(strings.TrimSpace(number))
			return n
		}
	}
	return 0
}

// withoutOwn drops those that this one was started by.
func withoutOwn(all []process) []process {
	parents := map[int]int{}
	for _, p := range all {
		parents[p.pid] = p.parent
	}
	above := map[int]bool{}
	for pid, known := os.Getppid(), true; known; pid, known = parents[pid] {
		above[pid] = true
	}
	var others []process
	for _, p := range all {
		if !above[p.pid] {
			others = append(others, p)
		}
	}
	return others
}

// ask has those end that no other of them started: a supervisor ends its agent, and an
// agent its windows and modules.
func ask(_ context.Context, all []process) {
	ours := map[int]bool{}
	for _, p := range all {
		ours[p.pid] = true
	}
	for _, p := range all {
		if !ours[p.parent] {
			p.signal(unix.SIGTERM)
		}
	}
}

func (p process) kill() { p.signal(unix.SIGKILL) }

// signal fails for one that has ended, which is what is wanted.
func (p process) signal(s unix.Signal) { _ = unix.PidfdSendSignal(p.fd, s, nil, 0) }

// await reports whether the process has ended before ctx does. It is then closed.
func (p process) await(ctx context.Context) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int((100 * time.Millisecond).Milliseconds()))
		switch {
		case n > 0:
			_ = unix.Close(p.fd)
			return true
		case err != nil && !errors.Is(err, unix.EINTR), ctx.Err() != nil:
			return false
		}
	}
}
