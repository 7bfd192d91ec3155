// Package pry is a program that looks into another process of its own user, in each
// way that Linux has for a debugger: what must not reach the memory of a process that
// sees a PIN.
//
// RunRole is for main, before anything else; Into starts the program in that role.
package pry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const prying role.Role = "test-pry"

// patience is for a debugger, which reads the symbols of what it attaches to.
const patience = time.Minute

// way is a way into a process: nil says that the process is open that way.
type way struct {
	name string
	try  func(pid int) error
}

// ways are tried in this order: what is seized stays so until this process ends.
var ways = []way{
	{"strace -p", func(pid int) error { return attaches(pid, "strace", "-p") }},
	{"gdb -p", func(pid int) error { return attaches(pid, "gdb", "-nx", "-batch", "-p") }},
	{"process_vm_readv", readMemory},
	{"pidfd_getfd", copyDescriptor},
	{"/proc/PID/mem", func(pid int) error { return opens(pid, "mem") }},
	{"/proc/PID/environ", func(pid int) error { return opens(pid, "environ") }},
	{"/proc/PID/fd", func(pid int) error {
		_, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return err
	}},
	{"PTRACE_SEIZE", unix.PtraceSeize},
}

// Ways is how many ways there are.
func Ways() int { return len(ways) }

// Open are the ways in which a process is open to a user, and why it is closed in the
// others. The program must be one that the user may start and that calls RunRole.
func Open(ctx context.Context, program string, uid uint32, pid int) (open []string, closed map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, string(prying), strconv.Itoa(pid))
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("pry: %w", err)
	}
	if err := json.Unmarshal(out, &closed); err != nil {
		return nil, nil, fmt.Errorf("pry: %w in %q", err, out)
	}
	for way, why := range closed {
		if why == "" {
			open = append(open, way)
			delete(closed, way)
		}
	}
	return open, closed, nil
}

// Started waits until a process that has just been started closes itself, which it does
// first of all, but not before its libraries are loaded. It gives up on one that does not.
func Started(pid int) {
	for end := time.Now().Add(patience / 4); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		// The files of a closed process are root's (proc(5)).
		if info, err := os.Stat(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || info.Sys().(*syscall.Stat_t).Uid == 0 {
			return
		}
	}
}

// RunRole never returns where this process was started by Open.
func RunRole() {
	args, asked := prying.Asked(1, 1)
	if !asked {
		return
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil || os.Geteuid() == 0 { // root may look into everything
		os.Exit(role.ExitMisused)
	}
	found := map[string]string{}
	for _, way := range ways {
		found[way.name] = ""
		if err := way.try(pid); err != nil {
			found[way.name] = err.Error()
		}
	}
	if json.NewEncoder(os.Stdout).Encode(found) != nil {
		os.Exit(role.ExitMisused)
	}
	os.Exit(role.ExitDone)
}

// attaches starts a debugger. strace stays attached until it is ended, so its own word
// is waited for.
func attaches(pid int, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args, strconv.Itoa(pid))...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // which lets it detach
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	for buffer := make([]byte, 4<<10); ; {
		n, err := r.Read(buffer)
		said.Write(buffer[:n])
		if strings.Contains(said.String(), " attached") {
			cancel()
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	_ = cmd.Wait() // what it printed says how it went
	for _, word := range []string{"Operation not permitted", "Permission denied"} {
		if strings.Contains(said.String(), word) {
			return errors.New(strings.TrimSpace(said.String()))
		}
	}
	return nil
}

// readMemory reads at an address that may be no memory of the process, which is told
// only to who may read.
func readMemory(pid int) error {
	buffer := make([]byte, 8)
	local := []unix.Iovec{{Base: &buffer[0]}}
	local[0].SetLen(len(buffer))
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: len(buffer)}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil
	}
	return err
}

func copyDescriptor(pid int) error {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(p)
	f, err := unix.PidfdGetfd(p, 0, 0)
	if err != nil {
		return err
	}
	return unix.Close(f)
}

func opens(pid int, file string) error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return err
	}
	return f.Close()
}
