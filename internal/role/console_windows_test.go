package role

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	console Role = "test-console" // a program that was started in a console of its own
	shown   Role = "test-shown"   // says whether a console is seen, and then echoes
)

var (
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	consoleProcesses = kernel32.NewProc("GetConsoleProcessList")
	consoleWindow    = kernel32.NewProc("GetConsoleWindow")
	isWindowVisible  = windows.NewLazySystemDLL("user32.dll").NewProc("IsWindowVisible")
)

func init() {
	if _, asked := shown.Asked(0, 0); asked {
		window, _, _ := consoleWindow.Call()
		visible, _, _ := isWindowVisible.Call(window)
		os.Exit(echoLines([]string{fmt.Sprint("visible ", visible)}))
	}
	if _, asked := console.Asked(0, 0); asked {
		if err := inConsole(); err != nil {
			fmt.Println(err)
		}
		os.Exit(ExitDone)
	}
}

// inConsole starts a process in a role, and says which processes the console has.
func inConsole() error {
	cmd, err := shown.Command(context.Background())
	if err != nil {
		return err
	}
	in, out, err := Start(cmd)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	line, err := lines.ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Print(line)
	attached := make([]uint32, 16)
	count, _, err := consoleProcesses.Call(uintptr(unsafe.Pointer(&attached[0])), uintptr(len(attached)))
	if count == 0 || count > uintptr(len(attached)) {
		return fmt.Errorf("GetConsoleProcessList: %d, %w", count, err)
	}
	fmt.Println("ours", slices.Contains(attached[:count], uint32(os.Getpid())), "its", slices.Contains(attached[:count], uint32(cmd.Process.Pid)))
	if _, err := fmt.Fprintln(out, "still here"); err != nil {
		return err
	}
	line, err = lines.ReadString('\n')
	fmt.Print(line)
	return err
}

// TestConsole: a process in a role shows no console and does not belong to its parent's.
// What is typed there, Ctrl-Break as well as Ctrl-C, and its closing, are then for the
// parent alone, which ends the process in its own way: a module's may have a login under
// way.
func TestConsole(t *testing.T) {
	cmd, err := console.Command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_CONSOLE}
	text, err := cmd.Output()
	if said := strings.ReplaceAll(string(text), "\r", ""); err != nil || said != "visible 0\nours true its false\nstill here\n" {
		t.Errorf("%q, %v", said, err)
	}
}
