package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for an event that must happen.
const patience = time.Minute

// holdVariable makes this program an agent of its own: it becomes the agent of
// the named state folder, prints that, and serves until its input ends.
const holdVariable = "CPX_TEST_HOLD"

func TestMain(m *testing.M) {
	if state, ok := os.LookupEnv(holdVariable); ok {
		os.Exit(holdInstance(state))
	}
	otherRoles()
	os.Exit(m.Run())
}

func holdInstance(state string) int {
	h, err := Acquire(state)
	var running *RunningError
	switch {
	case errors.As(err, &running):
		fmt.Println("running", running.PID)
		return 0
	case err != nil || h.Err() != nil:
		fmt.Println("failed", err, h)
		return 1
	}
	defer listens(state)()
	ctx, cancel := context.WithCancel(context.Background())
	s := NewServer(h, slog.New(slog.DiscardHandler))
	methods := echo()
	methods["quit"] = func(context.Context, json.RawMessage) (any, error) { cancel(); return nil, nil }
	s.Ready(methods)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	fmt.Println("held", os.Getpid())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	<-ctx.Done()
	<-ended
	if err := h.Release(); err != nil {
		fmt.Println("release", err)
		return 1
	}
	return 0
}

// echo are methods that tests call.
func echo() map[string]Method {
	return map[string]Method{
		"echo": func(_ context.Context, params json.RawMessage) (any, error) { return params, nil },
		"pid":  func(context.Context, json.RawMessage) (any, error) { return os.Getpid(), nil },
		"fail": func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("TEST failure") },
		"huge": func(context.Context, json.RawMessage) (any, error) { return strings.Repeat("x", maxAnswer), nil },
	}
}

// process is this program as an agent of its own.
type process struct {
	*exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func startHolder(t *testing.T, state string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdVariable+"="+state, "GORACE=atexit_sleep_ms=0")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return process{cmd, stdin, bufio.NewScanner(stdout)}
}

func (p process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("the other process ended without any output: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// serving starts a server in this process, which ends with the test.
func serving(t *testing.T, state string, methods map[string]Method) *Server {
	t.Helper()
	h, err := Acquire(state)
	if err != nil || h.Err() != nil {
		t.Fatal(err, h)
	}
	t.Cleanup(listens(state))
	s := NewServer(h, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if methods != nil {
		s.Ready(methods)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := h.Release(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ask(t *testing.T, state, method string, params, result any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return Call(ctx, state, method, params, result)
}
