package role

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

const (
	parent   Role = "test-parent"   // starts two processes in roles, and writes their numbers
	stubborn Role = "test-stubborn" // starts an editor, writes its number, and never ends by itself
	editor   Role = "test-editor"   // never ends by itself
)

func init() {
	if args, asked := PKCS11Module.Asked(1, 1); asked {
		logOut(args[0])
	}
	if _, asked := stubborn.Asked(0, 0); asked {
		cmd, err := editor.Command(context.Background())
		if err := errors.Join(err, cmd.Start()); err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid)
		hang()
	}
	if _, asked := editor.Asked(0, 0); asked {
		hang()
	}
	if args, asked := parent.Asked(1, 1); asked {
		startBoth(args[0])
	}
}

// logOut stands for a module's process: when its parent is gone it writes a file, as it
// would log the card out, and ends.
func logOut(file string) {
	in, out, err := Ends()
	if err != nil {
		os.Exit(ExitMisused)
	}
	fmt.Fprintln(out, 0)
	_, _ = io.Copy(io.Discard, in)
	if err := os.WriteFile(file, []byte("logged out"), 0o600); err != nil {
		os.Exit(ExitMisused)
	}
	Exit(ExitDone)
}

func startBoth(file string) {
	for _, start := range []struct {
		role Role
		args []string
	}{{stubborn, nil}, {PKCS11Module, []string{file}}} {
		cmd, err := start.role.Command(context.Background(), start.args...)
		if err != nil {
			panic(err)
		}
		in, _, err := Start(cmd)
		if err != nil {
			panic(err)
		}
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid, strings.TrimSpace(line))
	}
	hang()
}

// hang never returns; without a timer Go's runtime would end the process.
func hang() { <-time.After(24 * time.Hour) }

// TestEndWithParent: where the agent is killed the processes in a role end too, one that
// hangs because Windows ends it, and a module's once it has logged the card out. What a
// process in a role has started for the person, as an editor with the log, goes on.
func TestEndWithParent(t *testing.T) {
	file := filepath.Join(os.TempDir(), fmt.Sprint("role-test-card-", os.Getpid()))
	defer os.Remove(file) // not in a folder of the test's, which wine 8 cannot remove
	cmd, err := parent.Command(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	children := map[string]windows.Handle{}
	var started *os.Process
	for _, name := range []string{"one that hangs", "a module's"} {
		line, err := lines.ReadString('\n')
		var pid, other int
		if n, scanErr := fmt.Sscan(line, &pid, &other); n != 2 {
			t.Fatalf("%q %v %v", line, err, scanErr)
		}
		if other != 0 {
			if started, err = os.FindProcess(other); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = started.Kill(); _, _ = started.Wait() }()
		}
		// What a closed process is still open to: to wait for it.
		child, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
		if err != nil {
			t.Fatal(err)
		}
		defer windows.CloseHandle(child)
		children[name] = child
		if other, err := windows.OpenProcess(windows.PROCESS_VM_READ, false, uint32(pid)); !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			_ = windows.CloseHandle(other)
			t.Errorf("%s is open to be read: %v", name, err)
		}
	}
	if err := cmd.Process.Kill(); err != nil { // TerminateProcess
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for name, child := range children {
		if event, err := windows.WaitForSingleObject(child, 30_000); event != windows.WAIT_OBJECT_0 {
			t.Errorf("%s goes on without its parent: %#x %v", name, event, err)
		}
	}
	_ = started.WithHandle(func(editor uintptr) {
		if event, err := windows.WaitForSingleObject(windows.Handle(editor), 0); event != uint32(windows.WAIT_TIMEOUT) {
			t.Errorf("what the person has open was ended: %#x %v", event, err)
		}
	})
	if text, err := os.ReadFile(file); string(text) != "logged out" {
		t.Errorf("the module's process did not log out: %q %v", text, err)
	}
}
