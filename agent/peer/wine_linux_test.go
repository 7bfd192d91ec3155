package peer

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// wine8 are the tests that need no owner over IPv6, which wine 8 does not tell.
const wine8 = "^(TestLookup.*|TestProgramByNumber|TestEachRow|TestSelfCheck|TestHeldProcess|TestIdentity|TestTexts|TestListeners|TestEveryProcess)$"

// TestWindows runs tests of this package for Windows in wine, and lets programs of three
// kinds dial one there: its own like, a process of Linux, and a program of another
// Windows. Of those wine knows no process, as Windows of a program of another account.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	w := winetest.New(t)
	out := w.Run(program, "-test.v", "-test.timeout=60s", "-test.run="+wine8)
	winetest.Passed(t, out, "TestLookup", "TestSelfCheck", "TestHeldProcess")
	// wine 8 names nobody over IPv6: an agent does not serve there.
	check := w.Command(program)
	check.Env = append(check.Env, checkRole+"=1")
	if said := next(t, started(t, check)); !strings.Contains(said, errNoPID.Error()) {
		t.Errorf("an agent that would refuse everybody over IPv6 serves: %q", said)
	}
	s := newServer(t, w.Command(program))
	// Now and then wine 8 says of a program that nobody's is its own.
	ours := func() string { return s.from(t, s.v4, w.Command(program)) }
	outcome := ours()
	for range 4 {
		if outcome != "same" {
			outcome = ours()
		}
	}
	if outcome != "same" {
		t.Errorf("a program of the same Windows: %s", outcome)
	}
	elsewhere := winetest.New(t)
	s.refuses(t, func() *exec.Cmd { return exec.Command(os.Args[0]) }, func() *exec.Cmd { return elsewhere.Command(program) })
}

// TestWindows10 is the same over both families, in wine 10, which tells owners over each.
func TestWindows10(t *testing.T) {
	if testing.Short() {
		t.Skip("wine 10 is downloaded: make test-windows")
	}
	program := winetest.BuildTest(t, ".")
	w := winetest.New10(t)
	s := newServer(t, w.Command(program))
	for _, address := range []string{s.v4, s.v6} {
		for range 5 {
			if outcome := s.from(t, address, w.Command(program)); outcome != "same" {
				t.Errorf("a program of the same Windows, %s: %s", address, outcome)
			}
		}
	}
	elsewhere, err := w.Another(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := elsewhere.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.refuses(t, func() *exec.Cmd { return w.Inside(os.Args[0]) }, func() *exec.Cmd { return elsewhere.Command(program) })
}

// refuses lets two dial of whom the server's Windows knows no process, over each family.
func (s *server) refuses(t *testing.T, linux, elsewhere func() *exec.Cmd) {
	t.Helper()
	for _, address := range []string{s.v4, s.v6} {
		for name, other := range map[string]func() *exec.Cmd{"a process of Linux": linux, "another Windows": elsewhere} {
			if outcome := s.from(t, address, other()); !strings.HasPrefix(outcome, "refused ") {
				t.Errorf("%s, %s: %s", name, address, outcome)
			}
		}
	}
}

// server is a process that says of each connection whose it is.
type server struct {
	v4, v6   string
	outcomes <-chan string
}

func newServer(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	cmd.Env = append(cmd.Env, serveRole+"=1")
	lines := started(t, cmd)
	s := &server{outcomes: lines}
	for _, address := range []*string{&s.v4, &s.v6} {
		*address = next(t, lines)
	}
	return s
}

// from is what the server says of a process's connection.
func (s *server) from(t *testing.T, address string, cmd *exec.Cmd) string {
	t.Helper()
	if len(cmd.Env) == 0 {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "PEER_TEST_DIAL="+address)
	if line := next(t, started(t, cmd)); line != "dialled" {
		t.Fatal(line)
	}
	return next(t, s.outcomes)
}

// started starts a process, which ends with its input at the end of the test, and returns
// the lines that it prints.
func started(t *testing.T, cmd *exec.Cmd) <-chan string {
	t.Helper()
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lines)
		for scanner := bufio.NewScanner(io.Reader(stdout)); scanner.Scan(); {
			lines <- strings.TrimSpace(scanner.Text())
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-ended
		_ = cmd.Wait()
	})
	return lines
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, ok := <-lines:
		if !ok {
			t.Fatal("the process ended")
		}
		return line
	case <-time.After(time.Minute):
		t.Fatal("the process says nothing")
	}
	return ""
}
