package peer

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// TestOwnerReadsNoProcess: at the door nothing is read of what processes hold, so that a
// connection costs the same however many sockets and files there are.
func TestOwnerReadsNoProcess(t *testing.T) {
	l := listener(t, "127.0.0.1:0")
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted := accept(t, l)
	cost := func() float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := owner(accepted); err != nil {
				t.Error(err)
			}
		})
	}
	before := cost()
	for range 300 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	if after := cost(); after > before+20 || before > 200 {
		t.Errorf("a look-up makes %v allocations, with 300 files more %v", before, after)
	}
}

// TestProgram: the program is named by its path, once it is asked for, and then stays
// the one that was found.
func TestProgram(t *testing.T) {
	program := publicCopy(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listener(t, address)
		cmd := dialler(t, program, l.Addr().String(), "")
		got, err := owner(accept(t, l))
		if err != nil || !got.SamePerson() {
			t.Fatalf("%s: %+v %v", address, got, err)
		}
		if seen := got.Seen(); seen != nil {
			t.Errorf("%s: %v is seen before anybody asked", address, seen)
		}
		if name := pathsOf(got.Programs(t.Context())); name != program || pathsOf(got.Seen()) != name {
			t.Errorf("%s: %q, seen %v, want %q", address, name, got.Seen(), program)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if name := pathsOf(got.Programs(t.Context())); name != program {
			t.Errorf("%s: %q when it has ended, want what was found", address, name)
		}
	}
}

// TestProgramThatInherits: a socket that was handed to another program names both, so
// that none passes for the other.
func TestProgramThatInherits(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err == nil {
		sleep, err = filepath.EvalSymlinks(sleep)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := publicCopy(t)
	l := listener(t, "127.0.0.1:0")
	dialler(t, program, l.Addr().String(), sleep)
	got, err := owner(accept(t, l))
	if err != nil {
		t.Fatal(err)
	}
	name := pathsOf(got.Programs(t.Context()))
	for _, holder := range []string{program, sleep} {
		if !strings.Contains(name, holder) {
			t.Errorf("%q does not name %s", name, holder)
		}
	}
}

// TestProgramClosed: of a process that closed itself to its like nothing is told, and no
// other is named in its place.
func TestProgramClosed(t *testing.T) {
	if os.Getenv("PEER_TEST_CLOSED") == "" {
		cmd := exec.Command(publicCopy(t), "-test.run=^TestProgramClosed$", "-test.v")
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "PEER_TEST_CLOSED=1", "TMPDIR=/tmp")
		if os.Geteuid() == 0 { // root reads everything
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for how, want := range map[string]string{"": self, "closed": ""} {
		l := listener(t, "127.0.0.1:0")
		dialler(t, self, l.Addr().String(), how)
		got, err := owner(accept(t, l))
		if err != nil || !got.SamePerson() {
			t.Fatalf("%q: %+v %v", how, got, err)
		}
		if name := pathsOf(got.Programs(t.Context())); name != want {
			t.Errorf("%q: %q, want %q", how, name, want)
		}
	}
}

// TestProgramIsFoundOnce: for all who want it, and for the next one where the first
// has gone.
func TestProgramIsFoundOnce(t *testing.T) {
	var searches atomic.Int32
	begun, answer := make(chan struct{}), make(chan string)
	i := Self(func(context.Context) []programname.File {
		searches.Add(1)
		close(begun)
		return []programname.File{{Path: <-answer}}
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if name := pathsOf(i.Programs(gone)); name != "" {
		t.Errorf("%q for a caller who has gone", name)
	}
	<-begun
	go func() { answer <- "/usr/bin/test" }()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if name := pathsOf(i.Programs(t.Context())); name != "/usr/bin/test" {
				t.Errorf("%q", name)
			}
		})
	}
	all.Wait()
	if n := searches.Load(); n != 1 {
		t.Errorf("looked up %d times", n)
	}
	if name := pathsOf((Identity{}).Programs(t.Context())); name != "" {
		t.Errorf("an identity without a look-up names %q", name)
	}
}

// TestProgramHasALimit: a look-up that does not end keeps no dialog waiting.
func TestProgramHasALimit(t *testing.T) {
	i := Self(func(ctx context.Context) []programname.File {
		<-ctx.Done()
		return []programname.File{{Path: "/usr/bin/partly"}}
	})
	if name := pathsOf(i.Programs(t.Context())); name != "" && name != "/usr/bin/partly" {
		t.Errorf("%q", name)
	}
	stuck := make(chan struct{})
	defer close(stuck)
	i = Self(func(context.Context) []programname.File { <-stuck; return []programname.File{{Path: "late"}} })
	if name := pathsOf(i.Programs(t.Context())); name != "" {
		t.Errorf("%q", name)
	}
}

// TestHoldersEndInTime: what the walk has found so far is told when its time is up.
func TestHoldersEndInTime(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if found := holders(ended, 1); found != nil {
		t.Errorf("%v without any time", found)
	}
}

// TestNeverOwnDescriptors: the agent holds as many as there are connections, and dials
// nobody.
func TestNeverOwnDescriptors(t *testing.T) {
	l := listener(t, "127.0.0.1:0")
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	got, err := owner(accept(t, l))
	if err != nil || !got.SamePerson() {
		t.Fatalf("%+v %v", got, err)
	}
	if name := pathsOf(got.Programs(t.Context())); name != "" {
		t.Errorf("this process names itself: %q", name)
	}
}

// dialAs does what dialler asks of its process. how is "", "closed" for one whose
// descriptors are closed to its like, or the program that inherits the socket.
func dialAs(address, how string) (release func(), err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return func() { _ = c.Close() }, hold(c, how)
}

func hold(c net.Conn, how string) error {
	switch how {
	case "":
		return nil
	case "closed":
		return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	cmd := exec.Command(how, "1000")
	cmd.ExtraFiles = []*os.File{f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Start()
}
