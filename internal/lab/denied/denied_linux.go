package denied

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// role is the variable that makes a test's or lab's own program install the filter
// and become the program that is to be denied something.
const role = "CPX_TEST_DENIED"

// Deny makes cmd run with what denied. The caller's program must call RunRole first
// thing.
func Deny(cmd *exec.Cmd, what string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd.Args = append([]string{cmd.Path}, cmd.Args...)
	cmd.Path = self
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, role+"="+what)
	return nil
}

// RunRole never returns where Deny started this process.
func RunRole() {
	what, asked := os.LookupEnv(role)
	if !asked {
		return
	}
	runtime.LockOSThread()
	err := install(filters[what])
	if err == nil {
		var env []string
		for _, each := range os.Environ() {
			if !strings.HasPrefix(each, role+"=") {
				env = append(env, each)
			}
		}
		err = unix.Exec(os.Args[0], os.Args[1:], env)
	}
	fmt.Fprintln(os.Stderr, "denied:", what, err)
	os.Exit(125)
}

// refusal answers a system call with an error where arguments have these values.
type refusal struct {
	call      uint32
	arguments map[uint32]uint32 // index to value, the lower 32 bits
	answer    unix.Errno
}

var filters = map[string]refusal{
	SockDiag:   {unix.SYS_SOCKET, map[uint32]uint32{0: unix.AF_NETLINK, 2: unix.NETLINK_SOCK_DIAG}, unix.EPERM},
	Netlink:    {unix.SYS_SOCKET, map[uint32]uint32{0: unix.AF_NETLINK}, unix.EAFNOSUPPORT},
	NoProtocol: {unix.SYS_SOCKET, map[uint32]uint32{0: unix.AF_NETLINK, 2: unix.NETLINK_SOCK_DIAG}, unix.EPROTONOSUPPORT},
	// Only an address of netlink has this length.
	DiagModule: {unix.SYS_SENDTO, map[uint32]uint32{5: unix.SizeofSockaddrNetlink}, unix.ENOENT},
}

// install installs the filter for this thread, which then becomes the program.
func install(r refusal) error {
	if r.answer == 0 {
		return fmt.Errorf("nothing of that name is denied")
	}
	const number, arguments = 0, 16 // offsets in struct seccomp_data
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	// Each test that fails jumps over the rest and the refusal.
	over := uint8(2*len(r.arguments) + 1)
	unless := func(value uint32) unix.SockFilter {
		f := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: over}
		over -= 2
		return f
	}
	filter := []unix.SockFilter{load(number), unless(r.call)}
	for i, value := range r.arguments {
		filter = append(filter, load(arguments+8*i), unless(value))
	}
	filter = append(filter, answer(unix.SECCOMP_RET_ERRNO|uint32(r.answer)), answer(unix.SECCOMP_RET_ALLOW))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
