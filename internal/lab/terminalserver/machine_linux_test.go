package terminalserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside names, in the environment of a test that Here plays anew, the folder of the programs.
const inside = "CPX_TEST_TERMINAL_SERVER"

// Machine is the machine. Here makes it.
type Machine struct {
	bin string // the programs, which every account may run
}

// Here reports whether the calling test runs on the machine. Elsewhere it plays that test
// anew there, fails where that fails, and returns nil: the caller returns.
func Here(t *testing.T) *Machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("several accounts need root: run as root to test several people on one machine")
	}
	if bin := os.Getenv(inside); bin != "" {
		m := &Machine{"/run/programs"}
		if err := m.prepare(bin); err != nil {
			t.Fatal(err)
		}
		return m
	}
	// The kernel ends the machine with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"="+programs(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	// A test that skipped itself there would end like one that passed.
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("on the machine: %v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("on the machine:\n%s", out)
	}
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the folder of the programs, once for all tests.
var built string

// programs builds what runs there.
func programs(t *testing.T) string {
	t.Helper()
	if built != "" {
		return built
	}
	dir, err := os.MkdirTemp("", "cpx-terminal-server-") // which other users may reach
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		t.Fatalf("build: %v\n%s", err, out)
	}
	built = dir
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// prepare gives the machine its own accounts, settings, homes and sockets, over what the real
// one has: nothing of it is written there.
func (m *Machine) prepare(bin string) error {
	if err := loopbackUp(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	mounts := []struct {
		kind, at, data string
		before         []string // folders to make first
	}{
		{"proc", "/proc", "", nil},
		{"tmpfs", "/home", "mode=755", nil},
		{"tmpfs", "/run", "mode=755", nil}, // no service of the real machine's
		{"", m.bin, "", []string{m.bin}},
		{"tmpfs", "/tmp", "mode=1777", nil}, // no lock and no socket of a display is left there
		{"overlay", "/etc", "lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work", []string{"/run/etc", "/run/etc.work"}},
	}
	for _, mount := range mounts {
		for _, folder := range mount.before {
			if err := os.Mkdir(folder, 0o755); err != nil {
				return err
			}
		}
		source, flags := mount.kind, uintptr(unix.MS_NOSUID|unix.MS_NODEV)
		if source == "" {
			source, flags = bin, unix.MS_BIND
		}
		if err := unix.Mount(source, mount.at, mount.kind, flags, mount.data); err != nil {
			return fmt.Errorf("mount %s at %s: %w", source, mount.at, err)
		}
	}
	return os.Mkdir("/run/user", 0o755)
}

// loopbackUp switches on the loopback of this network namespace, which is the only thing in it.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

// Policy is the machine's, for the agents of all its people.
func (m *Machine) Policy(text string) error {
	if err := os.MkdirAll("/etc/cpx-bridge", 0o755); err != nil {
		return err
	}
	return os.WriteFile("/etc/cpx-bridge/policy.toml", []byte(text), 0o644)
}
