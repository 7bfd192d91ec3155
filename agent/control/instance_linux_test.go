package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// The roles that this program plays as another user: a client of the socket, and
// a server on the socket's path.
const (
	knockVariable = "CPX_TEST_KNOCK"
	squatVariable = "CPX_TEST_SQUAT"
)

func otherRoles() {
	if path := os.Getenv(knockVariable); path != "" {
		os.Exit(knock(path))
	}
	if path := os.Getenv(squatVariable); path != "" {
		os.Exit(squat(path))
	}
}

// knock prints what the socket's owner answers.
func knock(path string) int {
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, `{"v":1,"id":1,"method":"pid"}`+"\n"); err != nil {
		return 0 // closed already
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	fmt.Print(line)
	return 0
}

// squat exits with the number of bytes that its first client sent.
func squat(path string) int {
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("listens")
	c, err := l.Accept()
	if err != nil {
		return 1
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	n, _ := c.Read(make([]byte, 100))
	return n
}

// TestOtherUser: the connection of another user who reaches the socket all the
// same is closed without a byte.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test that another user is refused")
	}
	state := ownInstance(t)
	serving(t, state, echo())
	// The folder alone keeps others out; it is opened here to test the next check.
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	for _, dir := range []string{runtime, filepath.Dir(runtime), filepath.Join(runtime, folder)} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(runtime, folder, "control")
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	program := testdesktop.PublicCopy(t)
	for uid, want := range map[uint32]string{0: `{"v":1,"id":1,"result":` + strconv.Itoa(os.Getpid()) + "}", testdesktop.Nobody: ""} {
		out, err := testdesktop.As(program, uid, knockVariable+"="+socket).Output()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("user %d got %q, %v; want %q", uid, out, err, want)
		}
	}
}

// TestOtherUsersSocket: nothing is sent to a socket that another user made.
func TestOtherUsersSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test that another user's agent is refused")
	}
	state := ownInstance(t)
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	for _, dir := range []string{filepath.Dir(runtime), runtime} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	p, err := find(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := testdesktop.As(testdesktop.PublicCopy(t), testdesktop.Nobody, squatVariable+"="+filepath.Join(p.dir, "control"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	if err := ask(t, state, "pid", nil, nil); !errors.Is(err, ErrOtherUser) {
		t.Errorf("%v, want %v", err, ErrOtherUser)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the other user got a request: %v", err)
	}
}

// TestFolder: a folder is used only where it is the person's own.
func TestFolder(t *testing.T) {
	runtime, state := filepath.Join(t.TempDir(), "run"), t.TempDir()
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	usual := "/run/user/" + strconv.Itoa(os.Geteuid()) + "/" + folder
	if trusted(filepath.Dir(usual)) != nil {
		usual = filepath.Join(state, "run")
	}
	for name, c := range map[string]struct {
		variable string
		mode     os.FileMode
		want     string
	}{
		"its own":       {runtime, 0o700, filepath.Join(runtime, folder)},
		"others read":   {runtime, 0o755, filepath.Join(runtime, folder)},
		"others write":  {runtime, 0o777, usual},
		"not set":       {"", 0o700, usual},
		"relative":      {"run", 0o700, usual},
		"not there":     {runtime + "/missing", 0o700, usual},
		"another owner": {"/proc/1/task", 0o700, usual},
	} {
		if name == "another owner" && os.Geteuid() == 0 {
			continue // root owns it: TestForeignFolder
		}
		t.Setenv("XDG_RUNTIME_DIR", c.variable)
		if err := os.Chmod(runtime, c.mode); err != nil {
			t.Fatal(err)
		}
		p, err := find(state)
		if err != nil || p.dir != c.want {
			t.Errorf("%s: %s %v, want %s", name, p.dir, err, c.want)
			continue
		}
		if info, err := os.Stat(p.dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// TestForeignFolder: where our folder is another user's, or a link, that is an
// error: another folder instead would allow a second agent.
func TestForeignFolder(t *testing.T) {
	state := ownInstance(t)
	dir := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), folder)
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if h, err := Acquire(state); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a link: %v %v", h, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if p, err := find(state); err != nil || p.dir != dir {
		t.Errorf("a folder open to others: %v %v", p, err)
	} else if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("it stays open to others: %v %v", info.Mode(), err)
	}
	if os.Geteuid() != 0 {
		t.Skip("giving a folder away needs root: run as root to test that another user's folder is refused")
	}
	if err := os.Chown(dir, testdesktop.Nobody, testdesktop.Nobody); err != nil {
		t.Fatal(err)
	}
	if h, err := Acquire(state); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("another user's folder: %v %v", h, err)
	}
}

// TestLongPath: sun_path holds 108 bytes, a person's state folder more.
func TestLongPath(t *testing.T) {
	ownInstance(t)
	long := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), strings.Repeat("d", 200))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", long)
	serving(t, t.TempDir(), echo())
	if err := ask(t, "", "pid", nil, nil); err != nil {
		t.Error(err)
	}
}

// TestLeftoverFiles: other files in place of lock and socket stop nothing, and
// ours are marked so that clean-up programs spare them.
func TestLeftoverFiles(t *testing.T) {
	t.Setenv("DISPLAY", ":4242.0") // which other sessions of this account read
	t.Setenv("WAYLAND_DISPLAY", "")
	state := ownInstance(t)
	p, err := find(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "control"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte("99999999\nrubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serving(t, state, echo())
	if err := ask(t, state, "pid", nil, nil); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"lock", "control"} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil || info.Mode()&os.ModeSticky == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want 0600 and the sticky bit that spares it from clean-up", name, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "lock"))
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n:4242\n" {
		t.Errorf("%q %v", text, err)
	}
}

// TestOnWindows runs this package's tests under wine: the lock, the pipe, the
// check of both ends.
func TestOnWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.timeout=5m")
	for _, name := range []string{"TestOneHolds", "TestKilled", "TestRace", "TestCall", "TestStarting", "TestGarbage", "TestFlood", "TestBusy", "TestLastAnswer", "TestEnd", "TestEndGoesOn", "TestEndOfOneThatEnds", "TestSupervisors", "TestSupervisorNotAsked", "TestSupervisorDone", "TestPersonQuits", "TestSupervisorsKilled", "TestNamesOfOthers", "TestFileOfAnother", "TestFileHeldOpen", "TestOtherEnd"} {
		if !strings.Contains(out, "--- PASS: "+name) {
			t.Errorf("%s did not pass", name)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
