package account

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/windows"
)

// stays is set for a process that the test starts, which ends with its input.
const stays = "CPX_TEST_STAYS"

func TestMain(m *testing.M) {
	if os.Getenv(stays) != "" {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestOf: this process and one that it started run for the same person; a handle that is
// none gives nobody.
func TestOf(t *testing.T) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	self, err := Of(windows.CurrentProcess())
	if want := (Account{user.User.Sid.String(), session}); err != nil || self != want || !self.Same(want) {
		t.Errorf("%v, %v, want %v", self, err, want)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), stays+"=1")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = input.Close(), child.Wait() })
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(process)
	if got, err := Of(process); got != self || err != nil {
		t.Errorf("a process of this one: %v, %v, want %v", got, err, self)
	}
	if got, err := Of(0); got != (Account{}) || !errors.Is(err, windows.ERROR_INVALID_HANDLE) {
		t.Errorf("no process: %v, %v", got, err)
	}
}
