package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scripted builds the program with a script beside it.
func scripted(t *testing.T, script map[string]any) (program, log string) {
	t.Helper()
	dir := t.TempDir()
	program, log = filepath.Join(dir, "autopin.exe"), filepath.Join(dir, "log")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script["log"] = log
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program+".json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	return program, log
}

// say runs one process and returns its answer to the lines.
func say(t *testing.T, program, lines string) (string, error) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.Output()
	_, answers, found := strings.Cut(string(out), "\n")
	if !found || !strings.HasPrefix(string(out), "OK") {
		t.Fatalf("no greeting: %q", out)
	}
	return answers, err
}

// TestScript: each process is one dialog and uses the next answer; the last repeats.
func TestScript(t *testing.T) {
	program, log := scripted(t, map[string]any{
		"pin": []string{"0000", "cancel", "%1234"}, "confirm": []string{"ok", "notok", "cancel", "die", "ok"}, "insert": "cancel",
	})
	for i, c := range []struct{ request, want string }{
		{"GETPIN", "D 0000\nOK\n"}, {"GETPIN", cancelled + "\n"}, {"GETPIN", "D %251234\nOK\n"}, {"GETPIN", "D %251234\nOK\n"},
		{"CONFIRM", "OK\n"}, {"CONFIRM", notConfirmed + "\n"}, {"CONFIRM", cancelled + "\n"},
		{"CONFIRM --one-button", "OK\n"}, {"BYE", "OK closing connection\n"},
	} {
		got, err := say(t, program, c.request+"\n")
		if err != nil || got != c.want {
			t.Errorf("%d, %s: %q, %v", i, c.request, got, err)
		}
	}
	var exit *exec.ExitError
	if got, err := say(t, program, "CONFIRM\n"); got != "" || !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("die: %q, %v", got, err)
	}
	if got, err := say(t, program, "SETDESC a%0Ab\nCONFIRM\n"); err != nil || got != "OK\nOK\n" {
		t.Errorf("after die: %q, %v", got, err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "1234") || strings.Contains(string(text), "0000") {
		t.Errorf("a PIN is in the log:\n%s", text)
	}
	if strings.Count(string(text), "GETPIN answered\n") != 3 || !strings.Contains(string(text), "SETDESC a%0Ab\n") {
		t.Errorf("log:\n%s", text)
	}
}

// TestUnanswered: a dialog that nobody answers lasts until its parent is gone, and
// no longer.
func TestUnanswered(t *testing.T) {
	for name, c := range map[string]struct {
		script  map[string]any
		request string
	}{
		"PIN":     {map[string]any{"pin": []string{"hang"}}, "GETPIN"},
		"confirm": {map[string]any{"confirm": []string{"hang"}}, "CONFIRM"},
		"insert":  {map[string]any{}, "CONFIRM --one-button"},
	} {
		t.Run(name, func(t *testing.T) {
			program, log := scripted(t, c.script)
			cmd := exec.Command(program)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			guard := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			defer guard.Stop()
			out := bufio.NewReader(stdout)
			if _, err := out.ReadString('\n'); err != nil { // the greeting
				t.Fatal(err)
			}
			if _, err := io.WriteString(stdin, c.request+"\n"); err != nil {
				t.Fatal(err)
			}
			if err := stdin.Close(); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
				t.Errorf("answered %q, %v", rest, err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it did not end by itself: %v", err)
			}
			if text, err := os.ReadFile(log); err != nil || string(text) != c.request+"\n" {
				t.Errorf("log %q, %v", text, err)
			}
		})
	}
}

// TestSocket: a test that must know when the PIN is asked for answers itself.
func TestSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, pin := range []string{"1234\n", "cancel\n"} {
			if conn, err := l.Accept(); err == nil {
				_, _ = conn.Write([]byte(pin))
				_ = conn.Close()
			}
		}
		_ = l.Close()
	}()
	program, _ := scripted(t, map[string]any{"socket": socket, "pin": []string{"0000"}})
	for _, want := range []string{"D 1234\nOK\n", cancelled + "\n"} {
		if got, err := say(t, program, "GETPIN\n"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	var exit *exec.ExitError
	if got, err := say(t, program, "GETPIN\n"); got != "" || !errors.As(err, &exit) {
		t.Errorf("nobody answers: %q, %v", got, err)
	}
}
