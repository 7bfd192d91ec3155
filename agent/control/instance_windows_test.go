package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// ownInstance is a state folder of the test's own. It goes with the test's Windows: wine 8
// cannot remove folders as t.TempDir does.
func ownInstance(t *testing.T) (state string) {
	t.Helper()
	state, err := os.MkdirTemp("", "control")
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// listens waits until the pipe accepts clients. On Windows the pipe's instance
// that go-winio reserves accepts none; wine gives it to the first client, who would
// wait for ever. So the first client is this one.
func listens(state string) func() {
	p, err := find(state)
	if err != nil {
		panic(err)
	}
	_, name := p.read()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	c, err := winio.DialPipeContext(ctx, name)
	if err != nil {
		return func() {} // as on Windows
	}
	return func() { _ = c.Close() }
}

// TestNamesOfOthers: a program of the session, or of the machine, that takes the names which
// can be known beforehand keeps no agent from running, nor from being reached.
func TestNamesOfOthers(t *testing.T) {
	state := ownInstance(t)
	who, err := whoAmI()
	if err != nil {
		t.Fatal(err)
	}
	squatted, err := winio.ListenPipe(fmt.Sprintf(`\\.\pipe\cpx-bridge-%s-%d`, who.SID, who.Session), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer squatted.Close()
	mutex, err := windows.UTF16PtrFromString(`Local\cpx-bridge-` + who.SID)
	if err != nil {
		t.Fatal(err)
	}
	held, err := windows.CreateMutex(nil, false, mutex)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(held)
	serving(t, state, echo())
	var pid int
	if err := ask(t, state, "pid", nil, &pid); err != nil || pid != os.Getpid() {
		t.Errorf("process %d, %v", pid, err)
	}
}

// TestFileOfAnother: what stands in the file names a pipe of ours on this machine, or nothing.
func TestFileOfAnother(t *testing.T) {
	state := ownInstance(t)
	p, err := find(state)
	if err != nil {
		t.Fatal(err)
	}
	const good = pipePrefix + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for text, want := range map[string]string{
		"7\n" + good + "\n": good,
		"":                  "",
		"7\n":               "",
		"7\n" + good:        "", // not written to its end
		"7\n" + `\\server\pipe\cpx-bridge-ABCDEFGHIJKLMNOPQRSTUVWXYZ` + "\n": "",
		"7\n" + `\\.\pipe\other` + "\n":                                      "",
		"7\n" + good + `\..\x` + "\n":                                        "",
		"-7\n" + good + "\n":                                                 "",
	} {
		if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, got := p.read(); got != want {
			t.Errorf("%q: %q", text, got)
		}
		if err := ask(t, state, "pid", nil, nil); !errors.Is(err, ErrNoAgent) {
			t.Errorf("%q: %v", text, err)
		}
	}
	serving(t, state, echo()) // what stood there is no obstacle
	if err := ask(t, state, "pid", nil, nil); err != nil {
		t.Error(err)
	}
}

// TestFileHeldOpen: where another program has the file open at the agent's end, the next agent
// starts at once. NTFS refuses a file that is being deleted for as long as it is open, which wine
// does not; so the file's content shows that it was emptied and stays.
func TestFileHeldOpen(t *testing.T) {
	state := ownInstance(t)
	h, err := Acquire(state)
	if err != nil || h.Err() != nil {
		t.Fatal(err, h)
	}
	held, err := h.instance.open(windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.OPEN_EXISTING)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := h.Release(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(h.instance.file); err != nil || len(text) > 0 {
		t.Errorf("after the agent's end: %q, %v; want the file, which names nobody", text, err)
	}
	if err := Running(state); err != nil {
		t.Error(err)
	}
	next, err := Acquire(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Release(); err != nil {
		t.Error(err)
	}
}

// TestOtherEnd: each side refuses another user, and another session of the same one. wine has
// one user and one session, so this process is made to be another.
func TestOtherEnd(t *testing.T) {
	who, err := whoAmI()
	if err != nil {
		t.Fatal(err)
	}
	name := pipePrefix + "TEST-" + fmt.Sprint(os.Getpid())
	l, err := winio.ListenPipe(name, &winio.PipeConfig{SecurityDescriptor: who.security})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := winio.DialPipeContext(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var server net.Conn
	select {
	case server = <-accepted:
	case <-time.After(time.Second): // wine: see listens
		second, err := winio.DialPipeContext(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		client, server = second, <-accepted
	}
	defer server.Close()
	otherUser, otherSession, nobody := who, who, self{}
	otherUser.SID = "S-1-5-21-1-2-3-1000"
	otherSession.Session++
	for side, check := range map[string]func(self) (int, error){
		"client": func(s self) (int, error) { return s.check(client, windows.GetNamedPipeServerProcessId) },
		"server": func(s self) (int, error) { return s.check(server, windows.GetNamedPipeClientProcessId) },
	} {
		if pid, err := check(who); err != nil || pid != os.Getpid() {
			t.Errorf("%s: %d, %v", side, pid, err)
		}
		for _, other := range []self{otherUser, otherSession, nobody} {
			if _, err := check(other); !errors.Is(err, ErrOtherUser) {
				t.Errorf("%s of %v: %v", side, other.Account, err)
			}
		}
	}
}
