package nodump

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// role makes this program a process to look into: "closed", or "open" for comparison.
const role = "NODUMP_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "closed":
		fmt.Println(Set())
	case "open":
		fmt.Println("<nil>")
	default:
		os.Exit(m.Run())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// other starts a process of this user, and returns its number once it has closed itself.
func other(t *testing.T, what string, attributes *syscall.SysProcAttr) uint32 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	cmd.SysProcAttr = attributes
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "<nil>" || err != nil {
		t.Fatalf("%s: %q %v", what, line, err)
	}
	return uint32(cmd.Process.Pid)
}

// harmful are the rights by which another program reads a process, changes it, takes
// its handles or runs code in it.
var harmful = map[string]uint32{
	"PROCESS_VM_READ": windows.PROCESS_VM_READ, "PROCESS_VM_WRITE": windows.PROCESS_VM_WRITE,
	"PROCESS_VM_OPERATION": windows.PROCESS_VM_OPERATION, "PROCESS_CREATE_THREAD": windows.PROCESS_CREATE_THREAD,
	"PROCESS_DUP_HANDLE": windows.PROCESS_DUP_HANDLE, "PROCESS_SUSPEND_RESUME": windows.PROCESS_SUSPEND_RESUME,
	"PROCESS_SET_INFORMATION": windows.PROCESS_SET_INFORMATION, "PROCESS_CREATE_PROCESS": windows.PROCESS_CREATE_PROCESS,
	"PROCESS_QUERY_INFORMATION": windows.PROCESS_QUERY_INFORMATION, "PROCESS_SET_QUOTA": windows.PROCESS_SET_QUOTA,
	"PROCESS_ALL_ACCESS": everything,
}

func opens(pid, right uint32) error {
	process, err := windows.OpenProcess(right, false, pid)
	if err != nil {
		return err
	}
	return windows.CloseHandle(process)
}

// TestClosed: a process that has closed itself, and one that was started closed and has
// done nothing yet, are open to no right by which another program of the same user could
// look into them; who they are, their end and ending them stay.
func TestClosed(t *testing.T) {
	attributes, err := Attributes()
	if err != nil {
		t.Fatal(err)
	}
	started := &syscall.SysProcAttr{ProcessAttributes: attributes}
	open := other(t, "open", nil)
	for name, pid := range map[string]uint32{"closed itself": other(t, "closed", nil), "started closed": other(t, "open", started)} {
		for right, mask := range harmful {
			if err := opens(open, mask); err != nil {
				t.Errorf("%s on an open process: %v: this test could not fail", right, err)
			}
			if err := opens(pid, mask); !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
				t.Errorf("%s: %s: %v, want access denied", name, right, err)
			}
		}
		if err := opens(pid, remaining); err != nil {
			t.Errorf("%s: what must remain: %v", name, err)
		}
	}
}

// TestDescriptor reads the list back from the system: no entry but SYSTEM's has more
// than what remains, nor may the owner, who else could rewrite the list, do so.
func TestDescriptor(t *testing.T) {
	process, err := windows.OpenProcess(windows.READ_CONTROL, false, other(t, "closed", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(process)
	got, err := windows.GetSecurityInfo(process, windows.SE_KERNEL_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"(A;;0x121001;;;BA)", "(A;;0x121001;;;" + user.User.Sid.String() + ")", "(A;;RC;;;OW)", "(A;;0x1fffff;;;SY)"} {
		if !strings.Contains(got.String(), entry) {
			t.Errorf("no %s in %s", entry, got)
		}
	}
	if n := strings.Count(got.String(), "("); n != 4 {
		t.Errorf("%d entries: %s", n, got)
	}
}

// TestErrorMode: Go's runtime has switched error reporting off, on which Set relies.
func TestErrorMode(t *testing.T) {
	const off = windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX | windows.SEM_NOOPENFILEERRORBOX
	mode, _, _ := kernel32.NewProc("GetErrorMode").Call()
	if mode&off != off {
		t.Errorf("%#x", mode)
	}
}

// TestLibraries: the policy is taken, with and without another computer's libraries, of
// which no folder is asked for.
func TestLibraries(t *testing.T) {
	for _, remote := range []bool{true, false} { // in this order: what is refused stays so
		module := `C:\windows\system32\test.dll`
		if remote {
			module = `\\server\share\test.dll`
		}
		if err := Libraries(module, remote); err != nil {
			t.Error(remote, err)
		}
	}
}
