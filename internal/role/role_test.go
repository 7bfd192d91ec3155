package role

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	echo Role = "test-echo" // writes its arguments, and then echoes each line
	ends Role = "test-ends" // ends with the status that is its argument
)

func TestMain(m *testing.M) {
	if args, asked := echo.Asked(0, 2); asked {
		os.Exit(echoLines(args))
	}
	if args, asked := ends.Asked(1, 1); asked {
		status, _ := strconv.Atoi(args[0])
		Exit(status)
	}
	if len(os.Args) > 1 && os.Args[1] == string(echo) {
		fmt.Println("not asked")
		os.Exit(ExitDone)
	}
	if playsHere() {
		os.Exit(ExitDone)
	}
	os.Exit(m.Run())
}

func echoLines(args []string) int {
	in, out, err := Ends()
	if err != nil {
		return ExitMisused
	}
	// What a library prints does not reach the pipes.
	fmt.Println("noise")
	fmt.Fprintln(os.Stderr, "noise")
	if _, err := fmt.Fprintln(out, strings.Join(args, ",")); err != nil {
		return ExitOverdue
	}
	if _, err := io.Copy(out, in); err != nil {
		return ExitOverdue
	}
	return ExitRestart
}

func TestStart(t *testing.T) {
	cmd, err := echo.Command(t.Context(), "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(in)
	expectLine(t, lines, "one,two")
	for _, text := range []string{"hello", "again"} {
		if _, err := fmt.Fprintln(out, text); err != nil {
			t.Fatal(err)
		}
		expectLine(t, lines, text)
	}
	// It ends when its parent closes its end, which the parent's death does too.
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at its end it says %q, %v", rest, err)
	}
	expectStatus(t, cmd.Wait(), ExitRestart)
}

func expectLine(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	if got, err := lines.ReadString('\n'); err != nil || got != want+"\n" {
		t.Fatalf("%q, %v, want %q", got, err, want)
	}
}

func expectStatus(t *testing.T, err error, want int) {
	t.Helper()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != want {
		t.Errorf("%v, want status %d", err, want)
	}
}

// Another number of arguments does not ask for the role.
func TestAsked(t *testing.T) {
	cmd, err := echo.Command(t.Context(), "one", "two", "three")
	if err != nil {
		t.Fatal(err)
	}
	if said, err := cmd.Output(); err != nil || strings.TrimSpace(string(said)) != "not asked" {
		t.Errorf("%q, %v", said, err)
	}
	if args, asked := echo.Asked(0, 9); asked {
		t.Errorf("the test itself is asked to play it, with %q", args)
	}
}

func TestStartFails(t *testing.T) {
	if in, out, err := Start(exec.Command(t.TempDir())); err == nil || in != nil || out != nil {
		t.Errorf("%v, %v, %v", in, out, err)
	}
}

// TestExit: the parent reads the status of a process that ended itself at once.
func TestExit(t *testing.T) {
	for _, status := range []int{ExitDone, ExitOverdue, ExitRestart} {
		cmd, err := ends.Command(t.Context(), strconv.Itoa(status))
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != status {
			t.Errorf("%v, want status %d", err, status)
		}
	}
}

func TestCommandLine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if line, err := TrayMenu.CommandLine(); err != nil || !slices.Equal(line, []string{self, "tray-menu"}) {
		t.Errorf("%q, %v", line, err)
	}
}

// A process in a role ends with the context of its command.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd, err := echo.Command(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	lines := bufio.NewReader(in)
	expectLine(t, lines, "")
	cancel()
	if _, err := io.ReadAll(lines); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended by itself")
	}
}
