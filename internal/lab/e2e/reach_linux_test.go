package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

var reachLine = regexp.MustCompile(`(?m)^    (\S.* (?:doctor|quit))\r?$`)

// TestRunReached: the lines that `make run` prints look at its agent and stop it, pasted
// into another terminal, from whichever folder; and Enter starts the agent anew, whose log goes
// on, but not an Enter that was typed before the end. A line of cpx-agent alone would find
// another agent or none.
func TestRunReached(t *testing.T) {
	cmd, dir := makeRun(t, "DISPLAY=", "TERM=xterm", "XDG_RUNTIME_DIR="+t.TempDir())
	strange := filepath.Join(filepath.Dir(dir), "l'an $1")
	if err := os.Rename(dir, strange); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = strange
	terminal := testdesktop.OnTerminal(t, cmd)
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	lines := reachLine.FindAllStringSubmatch(terminal.Until("Ctrl-C ends everything"), -1)
	if len(lines) != 2 {
		t.Fatalf("the lines: %q", lines)
	}
	doctor, quit := lines[0][1], lines[1][1]

	if said := pasted(t, doctor); !strings.Contains(said, "CPx Bridge runs on port") {
		t.Errorf("%s: %s", doctor, said)
	}
	terminal.Type("\r") // while the agent runs, to which nothing listens
	if said := pasted(t, quit); !strings.Contains(said, "CPx Bridge has ended.") {
		t.Errorf("%s: %s", quit, said)
	}
	terminal.Until("Enter here starts it again. Ctrl-C")
	if said := pasted(t, doctor); !strings.Contains(said, "CPx Bridge does not run.") {
		t.Errorf("after the end: %s", said)
	}
	terminal.Type("\r")
	terminal.Until("the agent runs again")
	if said := pasted(t, doctor); !strings.Contains(said, "CPx Bridge runs on port") {
		t.Errorf("after Enter: %s", said)
	}
	log, err := os.ReadFile(filepath.Join(strange, "build", "run", "cpx-agent.log"))
	if said := string(log); err != nil || strings.Count(said, "quit by the command line") != 1 || !regexp.MustCompile(`(?s)quit by the command line.*msg=listening`).MatchString(said) {
		t.Errorf("the log is not that of both agents: %v %s", err, said)
	}
	terminal.Type("\x03") // Ctrl-C
	terminal.Until("-- ended")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestRunQuitUnattended: where nobody can type Enter, what the agent's end ends is said,
// and is no error.
func TestRunQuitUnattended(t *testing.T) {
	cmd, dir := makeRun(t, "DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())
	var said strings.Builder
	lines := cmdLines(t, cmd, &said)
	for !strings.Contains(said.String(), "Ctrl-C ends everything") && lines() {
	}
	pasted(t, filepath.Join(dir, "build", "run", "cpx-agent")+" quit")
	for lines() {
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), ": make run starts both again") || !strings.Contains(said.String(), "Again: make run") {
		t.Errorf("%v: %s", err, said.String())
	}
}

// pasted runs a line in a shell that has nothing of the test's surroundings.
func pasted(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=en_US.UTF-8"}
	out, _ := cmd.CombinedOutput() // doctor's status is about the workstation
	return string(out)
}

// cmdLines starts a program, and returns what collects one more line of its output.
func cmdLines(t *testing.T, cmd *exec.Cmd, said *strings.Builder) func() bool {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	return func() bool {
		more := lines.Scan()
		said.WriteString(lines.Text() + "\n")
		return more
	}
}

// TestRunProgramDies: a program that ends by itself ends `make run` with an error that says
// so, though the other one is ended in order.
func TestRunProgramDies(t *testing.T) {
	for _, program := range []string{"cpx-agent", "cpx-portal"} {
		cmd, dir := makeRun(t, "DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())
		var said, errs strings.Builder
		cmd.Stderr = &errs
		lines := cmdLines(t, cmd, &said)
		for !strings.Contains(said.String(), "Ctrl-C ends everything") && lines() {
		}
		if err := syscall.Kill(childOf(t, cmd.Process.Pid, filepath.Join(dir, "build", "bin", program)), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for lines() {
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), program+" ended, signal: killed") {
			t.Errorf("%s: %v, %q", program, err, errs.String())
		}
	}
}

// childOf finds the process that runs a program for another one.
func childOf(t *testing.T, parent int, program string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(parent), "task", "*", "children")) // of each thread
	if err != nil {
		t.Fatal(err)
	}
	var children strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may have ended
		children.Write(text)
	}
	for _, child := range strings.Fields(children.String()) {
		line, err := os.ReadFile(filepath.Join("/proc", child, "cmdline"))
		if pid, _ := strconv.Atoi(child); err == nil && strings.HasPrefix(string(line), program+"\x00") {
			return pid
		}
	}
	t.Fatalf("%d has no child %s: %q", parent, program, children.String())
	return 0
}
