package journald

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// Entry is an entry of the journal: its fields that are text.
type Entry map[string]string

// Journal is a journal and the namespace that it is in.
type Journal struct {
	t        testing.TB
	dir      string
	holder   *exec.Cmd // which the namespace lasts as long as
	daemon   *exec.Cmd // nil: it does not run
	follower *exec.Cmd
	entries  chan Entry
}

// made makes the namespace. Its journal has no lines of the kernel, and takes part in
// nothing else that the system audits.
const made = `set -e
mount -t tmpfs none /run
mkdir -p /run/log/journal /run/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nForwardToWall=no\n' >/run/systemd/journald.conf.d/test.conf
mount --bind "$1" /etc
echo ready
exec sleep infinity`

// New makes the namespace. No journald runs in it yet.
func New(t testing.TB) *Journal {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a journald of its own needs root")
	}
	j := &Journal{t: t, dir: t.TempDir(), entries: make(chan Entry, 1000)}
	etc := filepath.Join(j.dir, "etc")
	if out, err := exec.Command("cp", "-a", "/etc", etc).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	identifier := filepath.Join(etc, "machine-id")
	if err := errors.Join(os.RemoveAll(identifier), os.WriteFile(identifier, []byte("0123456789abcdef0123456789abcdef\n"), 0o444)); err != nil {
		t.Fatal(err)
	}
	j.holder = exec.Command("sh", "-c", made, "sh", etc)
	j.holder.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	var said bytes.Buffer
	j.holder.Stderr = &said
	out, err := j.holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Stop(); end(j.follower); end(j.holder) })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		_ = j.holder.Wait() // it has ended
		t.Fatalf("the namespace: %q, %v\n%s", line, err, said.String())
	}
	return j
}

func end(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// command runs a program in the namespace.
func (j *Journal) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{fmt.Sprintf("--mount=/proc/%d/ns/mnt", j.holder.Process.Pid), "--"}, args...)...)
}

// Start starts journald, and returns once it takes entries.
func (j *Journal) Start() {
	j.t.Helper()
	program := need.File(j.t, "/lib/systemd/systemd-journald")
	socket := filepath.Join(j.t.TempDir(), "ready")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		j.t.Fatal(err)
	}
	defer ready.Close()
	j.daemon = j.command(program)
	j.daemon.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	if err := j.daemon.Start(); err != nil {
		j.t.Fatal(err)
	}
	_ = ready.SetReadDeadline(time.Now().Add(testdesktop.Patience))
	for said := make([]byte, 4096); ; {
		n, err := ready.Read(said)
		if err != nil {
			j.t.Fatalf("journald does not become ready: %v", err)
		}
		if strings.Contains(string(said[:n]), "READY=1") {
			break
		}
	}
	if j.follower == nil {
		j.follow()
	}
}

// Stop ends journald as a crash does: its socket stays, and nobody reads it.
func (j *Journal) Stop() {
	end(j.daemon)
	j.daemon = nil
}

// Pause and Resume stop journald where it is, and have it go on.
func (j *Journal) Pause()  { j.signal(syscall.SIGSTOP) }
func (j *Journal) Resume() { j.signal(syscall.SIGCONT) }

func (j *Journal) signal(s syscall.Signal) {
	j.t.Helper()
	if err := j.daemon.Process.Signal(s); err != nil {
		j.t.Fatal(err)
	}
}

// follow reads the entries of cpx-agent as an administrator does.
func (j *Journal) follow() {
	j.t.Helper()
	need.Program(j.t, "journalctl")
	j.follower = j.command("journalctl", "--directory=/run/log/journal", "--follow", "--lines=all", "--output=json", "SYSLOG_IDENTIFIER=cpx-agent")
	out, err := j.follower.StdoutPipe()
	if err == nil {
		err = j.follower.Start()
	}
	if err != nil {
		j.t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var fields map[string]any
			if json.Unmarshal(lines.Bytes(), &fields) != nil {
				continue
			}
			e := Entry{}
			for name, value := range fields {
				if text, is := value.(string); is {
					e[name] = text
				}
			}
			j.entries <- e
		}
	}()
}

// Until returns the entries up to the first with that event, and fails where it does not
// come.
func (j *Journal) Until(event string) (all []Entry) {
	j.t.Helper()
	patience := time.After(testdesktop.Patience)
	for {
		select {
		case e := <-j.entries:
			all = append(all, e)
			if e["CPX_EVENT"] == event {
				return all
			}
		case <-patience:
			j.t.Fatalf("the journal has no %s after %v", event, all)
		}
	}
}

// Bin makes a folder with the programs of another, of which cpx-agent enters the
// namespace.
func (j *Journal) Bin(programs string) string {
	j.t.Helper()
	bin := filepath.Join(j.dir, "bin")
	found, err := os.ReadDir(programs)
	if err := errors.Join(err, os.Mkdir(bin, 0o755)); err != nil {
		j.t.Fatal(err)
	}
	for _, program := range found {
		real, in := filepath.Join(programs, program.Name()), filepath.Join(bin, program.Name())
		if program.Name() == "cpx-agent" {
			script := fmt.Sprintf("#!/bin/sh\nexec nsenter --mount=/proc/%d/ns/mnt --wd=\"$PWD\" -- '%s' \"$@\"\n", j.holder.Process.Pid, real)
			err = os.WriteFile(in, []byte(script), 0o755)
		} else {
			err = os.Symlink(real, in)
		}
		if err != nil {
			j.t.Fatal(err)
		}
	}
	return bin
}

// PolicyFile is the policy, seen from outside.
func (j *Journal) PolicyFile() string {
	return filepath.Join(j.dir, "etc", "cpx-bridge", "policy.toml")
}

// Policy makes the machine's policy in the namespace, as an administrator does; "" takes it
// away.
func (j *Journal) Policy(text string) {
	j.t.Helper()
	file := j.PolicyFile()
	dir := filepath.Dir(file)
	var err error
	if text == "" {
		if err = os.Remove(file); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else {
		err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file+".new", []byte(text), 0o644), os.Rename(file+".new", file))
	}
	if err != nil {
		j.t.Fatal(err)
	}
}
