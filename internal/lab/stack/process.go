package stack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is one program of the stack, which ends with the context that started it.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
	from int64 // where its own part of the log begins
	done chan struct{}
	err  error
}

// start starts a program of the stack. Its output goes to NAME.log; first, where
// not nil, is also called with each line of its standard output.
func (s *Stack) start(ctx context.Context, name string, first func(line string), args ...string) (*Process, error) {
	return s.startWith(ctx, name, first, how{}, args...)
}

// how a program is started.
type how struct {
	terminal bool // it may read from the caller's terminal
	anew     bool // its log goes on after what the one before wrote
}

func (s *Stack) startWith(ctx context.Context, name string, first func(string), h how, args ...string) (*Process, error) {
	logPath := filepath.Join(s.dir, name+".log")
	flags := os.O_CREATE | os.O_TRUNC | os.O_WRONLY
	if h.anew {
		flags = os.O_CREATE | os.O_APPEND | os.O_WRONLY
	}
	logFile, err := os.OpenFile(logPath, flags, 0o600)
	if err != nil {
		return nil, err
	}
	before, err := logFile.Stat()
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Env = s.Env()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stderr = logFile
	if h.terminal {
		cmd.Stdin = os.Stdin
	} else {
		cmd.SysProcAttr = apart() // Ctrl-C is for the caller, which ends it in order
	}
	if s.bound {
		cmd.SysProcAttr = bound(cmd.SysProcAttr)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), logFile.Close())
	}
	p := &Process{name: name, cmd: cmd, log: logPath, from: before.Size(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(io.TeeReader(stdout, logFile))
		for lines.Scan() {
			if first != nil {
				first(lines.Text())
			}
		}
		p.err = cmd.Wait()
		logFile.Close()
	}()
	return p, nil
}

// Signal sends the program a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// PID returns the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait waits for the program's end.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Failure returns an error that says how the program ended, also where that was
// without an error of its own, with the end of its log.
func (p *Process) Failure() error {
	text, _ := p.said()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	how := "without an error"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended, %s:\n%s\n(the whole log: %s)", p.name, how, strings.Join(lines, "\n"), p.log)
}

// said is what the program has written into its log.
func (p *Process) said() ([]byte, error) {
	f, err := os.Open(p.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, p.from, math.MaxInt64-p.from))
}

// connects returns nil where the address accepts a connection.
func connects(_ context.Context, address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// listens checks the agent's log, because others may hold its first ports. Where
// the log's level hides that, it asks the agent.
func (p *Process) listens(ctx context.Context, address string) error {
	if text, err := p.said(); err == nil && bytes.Contains(text, []byte("msg=listening")) {
		return nil
	}
	return serves(ctx, address)
}

// serves requests the agent's page: of a connection that is only opened and closed
// the agent would log that its owner is unknown.
func serves(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // another program on the port may be silent
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}

// answering waits until asked succeeds at the address, or the process ends.
func (p *Process) answering(ctx context.Context, address string, asked func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := asked(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w", p.name, address, err)
		case <-tick.C:
		}
	}
}

// run runs a program of the stack to its end and returns what it printed.
func (s *Stack) run(ctx context.Context, stdin string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Env = s.Env()
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = apart()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), context.Cause(ctx)
	}
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
