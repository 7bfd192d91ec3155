package winetest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Test10: programs of both architectures run in wine 10, in a network of their own that
// Linux programs and a second Windows can share, and nothing remains of any of it.
func Test10(t *testing.T) {
	needsRoot(t)
	hello, hello386 := Build(t, "./testdata/hello"), BuildFor(t, "386", "./testdata/hello")
	before := mounts(t)
	var prefix string
	t.Run("one", func(t *testing.T) {
		w := New10(t, "CPX_TEST=yes")
		prefix = w.prefix
		for arch, program := range map[string]string{"amd64": hello, "386": hello386} {
			out, err := w.Command(program, "text.txt", "text").CombinedOutput()
			if want := "windows 26 1 <nil> yes " + arch; err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: %q, %v", arch, out, err)
			}
			if _, status := w.Command(program, "dial", "127.0.0.1:1").CombinedOutput(); exitCode(status) != 1 {
				t.Errorf("%s: its status is lost: %v", arch, status)
			}
		}
		if text, err := os.ReadFile(w.Path("windows/temp/text.txt")); err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
		if out, err := w.Inside("ip", "-o", "link").Output(); err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "LOOPBACK,UP") {
			t.Errorf("its network is not loopback alone: %q, %v", out, err)
		}
		if out, err := w.network.command(t.Context(), nil, "touch", "/usr/lib/x").CombinedOutput(); err == nil {
			t.Errorf("the root can be written: %s", out)
		}
		_, address := listen(t, w, hello)
		listen(t, w, hello386)
		if out, err := w.Inside("bash", "-c", ": > /dev/tcp/127.0.0.1/"+port(t, address)).CombinedOutput(); err != nil {
			t.Errorf("a Linux program in its network does not reach it: %s", out)
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Error("it is reached from outside its network")
		}
		second, err := w.Another(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if out, err := second.Command(hello).CombinedOutput(); err != nil || !strings.Contains(string(out), "windows 26 0 <nil>  ") {
			t.Errorf("a second Windows sees the first's file: %q, %v", out, err)
		}
		if out, err := second.Command(hello, "dial", address).CombinedOutput(); err != nil {
			t.Errorf("a second Windows does not reach the first: %q, %v", out, err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		if remaining := using(t, second.prefix); len(remaining) > 0 {
			t.Errorf("the second's still run: %q", remaining)
		}
		if len(using(t, prefix)) == 0 {
			t.Error("no process of a running Windows is found: this test could not fail")
		}
	})
	nothingOf(t, prefix)
	if _, err := os.Stat(prefix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", prefix, err)
	}
	if got := mounts(t); got != before {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, got)
	}
}

// Test10Killed: killing a command kills its program, of both architectures.
func Test10Killed(t *testing.T) {
	needsRoot(t)
	w := New10(t)
	for _, arch := range []string{"amd64", "386"} {
		hello := BuildFor(t, arch, "./testdata/hello")
		cmd, _ := listen(t, w, hello)
		program := holding(t, w.prefix, "program.exe listen")
		if len(program) != 1 {
			t.Fatalf("%s: %d processes have its name and argument", arch, len(program))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, program)
	}
}

// Test10Abandoned: all ends with a test program that is killed.
func Test10Abandoned(t *testing.T) {
	needsRoot(t)
	if dir := os.Getenv("CPX_TEST_ABANDONED"); dir != "" {
		root, err := OpenRoot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w, err := root.Open(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		listen(t, w, os.Getenv("CPX_TEST_HELLO"))
		_, _ = os.Stdout.WriteString("abandoned\n")
		select {}
	}
	dir, hello := t.TempDir(), Build(t, "./testdata/hello")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^Test10Abandoned$")
	cmd.Env = append(os.Environ(), "CPX_TEST_ABANDONED="+dir, "CPX_TEST_HELLO="+hello)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "abandoned"; {
	}
	prefix := filepath.Join(dir, "windows10")
	running := holding(t, prefix, "")
	if len(running) < 2 {
		t.Errorf("%d processes of a running Windows: this test could not fail", len(running))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	awaitEnd(t, running)
	nothingOf(t, prefix)
}

// Test10Missing: the errors say what is missing, and what brings it.
func Test10Missing(t *testing.T) {
	needsRoot(t)
	t.Setenv("PATH", t.TempDir())
	if _, err := OpenRoot(t.Context()); err == nil || !strings.Contains(err.Error(), "mmdebstrap and unshare") || !strings.Contains(err.Error(), RootPackages) {
		t.Error(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the root of wine 10 is downloaded, and made in a minute: make test-windows plays this")
	}
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
}

// listen starts hello, which listens, and returns its address.
func listen(t *testing.T, w *Wine10, hello string) (*exec.Cmd, string) {
	t.Helper()
	cmd := w.Command(hello, "listen")
	return cmd, started(t, cmd)
}

// started starts it, and waits for the address.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "127.") {
			return strings.TrimSpace(lines.Text())
		}
	}
	t.Fatal("no address: ", lines.Err())
	return ""
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "winetest") }), "\n")
}

// holding are the processes of a Windows whose command contains a text, as what says
// when they end.
func holding(t *testing.T, prefix, text string) (ends []unix.PollFd) {
	t.Helper()
	for pid, command := range processes(t, prefix) {
		if !strings.Contains(command, text) || strings.HasPrefix(command, "nsenter") {
			continue
		}
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			t.Cleanup(func() { _ = unix.Close(fd) })
			ends = append(ends, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	return ends
}

func awaitEnd(t *testing.T, ends []unix.PollFd) {
	t.Helper()
	for i := range ends {
		for {
			n, err := unix.Poll(ends[i:i+1], int(patience.Milliseconds()))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n != 1 || err != nil {
				t.Fatalf("a process does not end: %v", err)
			}
			break
		}
	}
}

func nothingOf(t *testing.T, prefix string) {
	t.Helper()
	if remaining := using(t, prefix); len(remaining) > 0 {
		t.Errorf("still running: %q", remaining)
	}
}

// processes are a Windows' by their numbers here, with their commands.
func processes(t *testing.T, prefix string) map[int]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, file := range files {
		env, _ := os.ReadFile(file) // fails for other users' processes and ended ones
		if !strings.Contains(string(env), "WINEPREFIX="+prefix+"\x00") {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			found[pid] = strings.ReplaceAll(string(command), "\x00", " ")
		}
	}
	return found
}
