package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOneHolds(t *testing.T) {
	state := ownInstance(t)
	first := startHolder(t, state)
	pid := strings.TrimPrefix(first.line(t), "held ")
	var running *RunningError
	if h, err := Acquire(state); !errors.As(err, &running) || fmt.Sprint(running.PID) != pid {
		t.Fatalf("%v %v, want another agent running as %s", h, err, pid)
	}
	var got int
	if err := ask(t, state, "pid", nil, &got); err != nil || fmt.Sprint(got) != pid {
		t.Errorf("%d answered, %v; want %s", got, err, pid)
	}
	_ = first.stdin.Close()
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := ask(t, state, "pid", nil, nil); !errors.Is(err, ErrNoAgent) {
		t.Errorf("after its end: %v", err)
	}
	h, err := Acquire(state)
	if err != nil || h.Err() != nil {
		t.Fatal(err)
	}
	if err := h.Release(); err != nil {
		t.Error(err)
	}
}

// TestKilled: the leftovers of a killed agent stop no other.
func TestKilled(t *testing.T) {
	state := ownInstance(t)
	for range 3 {
		killed := startHolder(t, state)
		if line := killed.line(t); !strings.HasPrefix(line, "held") {
			t.Fatal(line)
		}
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = killed.Wait()
		if err := ask(t, state, "pid", nil, nil); !errors.Is(err, ErrNoAgent) {
			t.Errorf("a killed agent: %v", err)
		}
	}
	serving(t, state, echo())
	if err := ask(t, state, "pid", nil, nil); err != nil {
		t.Error(err)
	}
}

// TestRace: of ten processes that start at once, exactly one is the agent.
func TestRace(t *testing.T) {
	state := ownInstance(t)
	lines := make(chan string, 10)
	var all sync.WaitGroup
	for range cap(lines) {
		p := startHolder(t, state)
		all.Go(func() {
			if p.lines.Scan() {
				lines <- p.lines.Text()
			}
		})
	}
	all.Wait()
	close(lines)
	held, running := 0, 0
	for line := range lines {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "held":
			held++
		case "running":
			running++
		}
	}
	if held != 1 || running != 9 {
		t.Errorf("%d are the agent, %d found another: want 1 and 9", held, running)
	}
}

func TestCall(t *testing.T) {
	state := ownInstance(t)
	serving(t, state, echo())
	var got map[string]string
	if err := ask(t, state, "echo", map[string]string{"a": "é\n"}, &got); err != nil || got["a"] != "é\n" {
		t.Errorf("%v %v", got, err)
	}
	for method, code := range map[string]string{"fly": CodeUnknownMethod, "fail": CodeFailed, "huge": CodeFailed} {
		if err := ask(t, state, method, nil, nil); !errors.Is(err, &Error{Code: code}) {
			t.Errorf("%s: %v, want %s", method, err, code)
		}
	}
	var number int
	if err := ask(t, state, "echo", "text", &number); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("an answer of another type: %v", err)
	}
}

// TestStarting: a call waits for an agent that is not ready, but no longer than
// the caller wants.
func TestStarting(t *testing.T) {
	state := ownInstance(t)
	h, err := Acquire(state)
	if err != nil {
		t.Fatal(err)
	}
	defer listens(state)()
	ctx, cancel := context.WithCancel(t.Context())
	s := NewServer(h, nil)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	defer func() { cancel(); <-ended; _ = h.Release() }()

	ends := make(chan error, maxConns/2)
	for i := range cap(ends) { // the deadline passes in each step of a call
		end := time.Now().Add(5*time.Second + time.Duration(i)*7*time.Millisecond)
		delay := time.Duration(i%2) * time.Second
		timer, stop := context.WithDeadline(t.Context(), end.Add(delay))
		defer stop()
		short := slowTimer{timer, end}
		go func() { ends <- Call(short, state, "pid", nil, nil) }()
	}
	for range cap(ends) {
		if err := <-ends; !errors.Is(err, &Error{Code: CodeStarting}) {
			t.Errorf("%v, want starting", err)
		}
	}
	answered := make(chan error, 1)
	go func() { answered <- ask(t, state, "pid", nil, nil) }()
	s.Ready(echo())
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// slowTimer is a context whose deadline passes before its timer fires, as on a
// loaded machine.
type slowTimer struct {
	context.Context
	end time.Time
}

func (c slowTimer) Deadline() (time.Time, bool) { return c.end, true }

// raw sends a text unchanged and returns the answers' codes until the agent
// closes the connection.
func raw(t *testing.T, state, text string) (codes []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := dial(ctx, state)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = c.Write([]byte(text)) }()
	answers := json.NewDecoder(c)
	for {
		var a answer
		if err := answers.Decode(&a); err != nil {
			return codes
		}
		code := "ok"
		if a.Error != nil {
			code = a.Error.Code
		}
		if codes = append(codes, code); a.Version != Version {
			t.Errorf("version %d", a.Version)
		}
	}
}

func TestGarbage(t *testing.T) {
	state := ownInstance(t)
	serving(t, state, echo())
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":         {"fly\n", "parse_error"},
		"nothing":         {"\n", "parse_error"},
		"binary":          {"\x00\xff\xfe\n", "parse_error"},
		"array":           {"[{\"v\":1}]\n", "parse_error"},
		"two on a line":   {`{"v":1,"method":"pid"}{"v":1,"method":"pid"}` + "\n", "parse_error"},
		"one too many }":  {`{"v":1,"id":1,"method":"pid"}}` + "\n", "parse_error"},
		"one too many ]":  {`{"v":1,"id":1,"method":"pid"}]` + "\n", "parse_error"},
		"a method twice":  {`{"v":1,"id":1,"method":"fly","method":"pid"}` + "\n", "parse_error"},
		"letter case":     {`{"v":1,"id":1,"Method":"pid"}` + "\n", "unknown_method"},
		"twice, by case":  {`{"v":1,"id":1,"method":"fly","METHOD":"pid"}` + "\n", "unknown_method"},
		"version by case": {`{"V":1,"id":1,"method":"pid"}` + "\n", "version"},
		"null":            {"null\n", "parse_error"},
		"wrong types":     {`{"v":1,"id":"one","method":"pid"}` + "\n", "parse_error"},
		"deep":            {strings.Repeat("[", 60000) + "\n", "parse_error"},
		"oversized":       {`{"v":1,"method":"` + strings.Repeat("x", 128<<10), "too_long"},
		"no version":      {`{"id":1,"method":"pid"}` + "\n", "version"},
		"another version": {`{"v":2,"id":1,"method":"pid"}` + "\n", "version"},
		"long method":     {`{"v":1,"id":1,"method":"` + strings.Repeat("m", 60000) + "\"}\n", "unknown_method"},
		"two lines":       {`{"v":1,"id":1,"method":"pid"}` + "\n" + `{"v":1,"id":2,"method":"fly"}` + "\n", "ok unknown_method"},
		"half a line":     {`{"v":1,"id":1,"meth`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(raw(t, state, c.text), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if err := ask(t, state, "pid", nil, nil); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestFlood: silent connections keep nobody out; the oldest are closed.
func TestFlood(t *testing.T) {
	state := ownInstance(t)
	s := serving(t, state, echo())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	first, _, err := dial(ctx, state)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for i := range 4 * maxConns {
		c, _, err := dial(ctx, state)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%maxConns == 0 {
			if err := ask(t, state, "pid", nil, nil); err != nil {
				t.Errorf("among %d silent connections: %v", i, err)
			}
			s.mu.Lock()
			if n := len(s.conns); n > maxConns {
				t.Errorf("%d connections are open, want %d at most", n, maxConns)
			}
			s.mu.Unlock()
		}
	}
	_ = first.SetReadDeadline(time.Now().Add(patience))
	if n, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the oldest stays open: %d %v", n, err)
	}
}

// TestBusy: a method that hangs ends with the call's limit or with the agent, and
// other calls are answered meanwhile.
func TestBusy(t *testing.T) {
	state := ownInstance(t)
	methods, begun := echo(), make(chan struct{}, maxConns)
	methods["hang"] = func(ctx context.Context, _ json.RawMessage) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	serving(t, state, methods)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, maxConns/2)
	for range cap(ended) {
		go func() { ended <- Call(ctx, state, "hang", nil, nil) }()
		<-begun
	}
	if err := ask(t, state, "pid", nil, nil); err != nil {
		t.Error(err)
	}
	cancel() // a caller that gives up
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v", err)
		}
	}
}

// TestLastAnswer: a call that runs when the agent ends is still answered.
func TestLastAnswer(t *testing.T) {
	state := ownInstance(t)
	h, err := Acquire(state)
	if err != nil {
		t.Fatal(err)
	}
	defer listens(state)()
	ctx, end := context.WithCancel(t.Context())
	s := NewServer(h, slog.New(slog.DiscardHandler))
	s.Ready(map[string]Method{"end": func(ctx context.Context, _ json.RawMessage) (any, error) {
		end()
		<-ctx.Done()
		return nil, &Error{Code: CodeStopping}
	}})
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	if err := ask(t, state, "end", nil, nil); !errors.Is(err, &Error{Code: CodeStopping}) {
		t.Error(err)
	}
	<-ended
	if err := h.Release(); err != nil {
		t.Error(err)
	}
}
