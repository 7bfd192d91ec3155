package peer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestCheckWithoutLoopback: in a network whose interface lo is down nobody connects,
// which is told as what it is.
func TestCheckWithoutLoopback(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), checkRole+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("a network of its own needs root or user namespaces: run as root to test a machine without loopback")
	}
	if err != nil || strings.TrimSpace(string(out)) != "no_loopback" {
		t.Errorf("%v %s", err, out)
	}
}

// TestKinds: each answer of a kernel that does not tell has its name; any other has a
// text.
func TestKinds(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.EPERM: ErrForbidden, syscall.EACCES: ErrForbidden, syscall.EAFNOSUPPORT: ErrForbidden,
		syscall.EPROTONOSUPPORT: ErrNoSockDiag, syscall.EOPNOTSUPP: ErrNoSockDiag, syscall.ENOSYS: ErrNoSockDiag,
		syscall.ENOENT: ErrNoModule,
	} {
		err := kind(fmt.Errorf("peer: sock_diag: %w", errno))
		if !errors.Is(err, want) || !errors.Is(err, errno) || Reason(err) == "" {
			t.Errorf("%v: %v, want %v", errno, err, want)
		}
	}
	err := kind(syscall.EIO)
	if Reason(err) != "" || !strings.Contains(Why(err, "en"), "input/output error") || Next(err, "en") != "" {
		t.Errorf("%v: %q %q", err, Why(err, "en"), Next(err, "en"))
	}
}
