package role

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

const (
	parent   Role = "test-parent"   // starts two processes in roles, and writes their numbers
	stubborn Role = "test-stubborn" // says that it runs, and never ends by itself
)

func init() {
	if args, asked := PKCS11Module.Asked(1, 1); asked {
		logOut(args[0])
	}
	if _, asked := stubborn.Asked(0, 0); asked {
		fmt.Println("runs")
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
	fmt.Fprintln(out, "runs")
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
		if line, err := bufio.NewReader(in).ReadString('\n'); line != "runs\n" {
			panic(fmt.Sprint(line, err))
		}
		fmt.Println(cmd.Process.Pid)
	}
	hang()
}

// hang never returns; without a timer Go's runtime would end the process.
func hang() { <-time.After(24 * time.Hour) }

// TestEndWithParent: where the agent is killed the processes in a role end too, one that
// hangs because Windows ends it, and a module's once it has logged the card out.
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
	for _, name := range []string{"one that hangs", "a module's"} {
		line, err := lines.ReadString('\n')
		pid, numberErr := strconv.Atoi(strings.TrimSpace(line))
		if err := errors.Join(err, numberErr); err != nil {
			t.Fatalf("%q %v", line, err)
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
	if text, err := os.ReadFile(file); string(text) != "logged out" {
		t.Errorf("the module's process did not log out: %q %v", text, err)
	}
}
