package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func end(t *testing.T, state, method string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return End(ctx, state, method)
}

// TestEnd: once End returns the agent's process has ended, and another one starts at once.
func TestEnd(t *testing.T) {
	state := ownInstance(t)
	if err := end(t, state, "quit"); !errors.Is(err, ErrNoAgent) {
		t.Errorf("none runs: %v", err)
	}
	for range 3 {
		p := startHolder(t, state)
		pid := strings.TrimPrefix(p.line(t), "held ")
		var running *RunningError
		if err := Running(state); !errors.As(err, &running) || fmt.Sprint(running.PID) != pid {
			t.Errorf("%v, want process %s", err, pid)
		}
		watch := watchProcess(p.Process.Pid)
		defer watch.close()
		if watch.known() && watch.ended() {
			t.Error("it has ended before it was asked to")
		}
		if err := end(t, state, "quit"); err != nil {
			t.Error(err)
		}
		if watch.known() && !watch.ended() {
			t.Error("its process runs on")
		}
		if err := Running(state); err != nil {
			t.Error(err)
		}
		if err := end(t, state, "quit"); !errors.Is(err, ErrNoAgent) {
			t.Errorf("after its end: %v", err)
		}
	}
}

// TestEndGoesOn: an agent that does not end, or that does not know how, is named.
func TestEndGoesOn(t *testing.T) {
	state := ownInstance(t)
	methods, asked := echo(), make(chan struct{}, 1)
	methods["quit"] = func(context.Context, json.RawMessage) (any, error) { asked <- struct{}{}; return nil, nil }
	serving(t, state, methods)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	var goesOn *GoesOnError
	if err := End(ctx, state, "quit"); !errors.As(err, &goesOn) || goesOn.PID != os.Getpid() || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that process %d runs on", err, os.Getpid())
	}
	if err := end(t, state, "fly"); !errors.As(err, &goesOn) || !errors.Is(err, &Error{Code: CodeUnknownMethod}) {
		t.Errorf("an agent that knows no such method: %v", err)
	}
}

// TestEndOfOneThatEnds: an agent whose socket is closed already, or which never had one, is
// waited for.
func TestEndOfOneThatEnds(t *testing.T) {
	state := ownInstance(t)
	h, err := Acquire(state)
	if err != nil || h.Err() != nil {
		t.Fatal(err, h)
	}
	_ = h.listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*endPause)
	defer cancel()
	var goesOn *GoesOnError
	if err := End(ctx, state, "quit"); !errors.As(err, &goesOn) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it holds the lock: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- end(t, state, "quit") }()
	time.AfterFunc(2*endPause, func() { _ = h.Release() })
	if err := <-ended; !errors.Is(err, ErrNoAgent) || errors.As(err, &goesOn) {
		t.Errorf("once it has: %v", err)
	}
}
