package attack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line15() []Attack {
	return []Attack{{Line: 15, Title: "a PIN is looked for wherever the agent leaves traces", Short: true, Options: stack.Options{AgentOnly: true}, Play: leaks}}
}

// typed is a PIN that is nowhere else; it is not the card's, which makes it no less a PIN.
const typed = "7351926408"

func leaks(w *World, r *Record) error {
	socket := w.Path("pin")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer l.Close()
	// The PIN comes over a socket, so that no file of the attack's own holds it.
	var answered sync.WaitGroup
	answered.Go(func() {
		for _, pin := range []string{typed, w.Cards[0].PIN} {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, pin)
			_ = c.Close()
		}
	})
	if err := w.Person(map[string]any{"socket": socket, "confirm": []string{"ok"}}); err != nil {
		return err
	}
	seen := watchProcesses(w.Agent.PID())
	err = w.Login()
	processes, text := seen()
	_ = l.Close()
	answered.Wait()
	if err != nil {
		return err
	}
	wrong := strings.Contains(strings.Join(w.Dialogs(), "\n"), "SETERROR")
	r.Check(wrong, "the PIN was sent to the card", "the person was told that it is wrong: %v", wrong)
	r.Check(processes >= 3 && !holds(text, typed), "arguments and environment of the agent and all that it starts", "%d processes, PIN seen: %v", processes, holds(text, typed))

	report := w.report()
	r.Check(len(report) > 0 && !holds(report, typed), "the report for support", "%d bytes, PIN seen: %v", len(report), holds(report, typed))

	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", w.Agent.PID()))
	r.Check(err == nil && bytes.Contains(limits, []byte("Max core file size        1 ")), "a core dump", "its limit is 1 byte: %v", bytes.Contains(limits, []byte("Max core file size        1 ")))
	if err := w.Agent.Signal(syscall.SIGQUIT); err != nil { // the trace of a crash goes to standard error
		return err
	}
	_ = w.Agent.Wait()
	trace := strings.Contains(w.Log(), "goroutine ")
	r.Check(trace && !holds([]byte(w.Log()), typed), "standard error with the trace of a crash", "trace: %v, PIN seen: %v", trace, holds([]byte(w.Log()), typed))

	files, bad := 0, []string(nil)
	err = filepath.WalkDir(w.Stack.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		if holds(content, typed) {
			bad = append(bad, path)
		}
		return err
	})
	r.Check(err == nil && files > 5 && bad == nil, "state, settings, logs, runtime folder", "%d files, the PIN in %q", files, bad)
	return err
}

// report is what support is given: what doctor prints for people and for programs.
func (w *World) report() []byte {
	var all bytes.Buffer
	for _, form := range [][]string{nil, {"--json"}} {
		cmd := w.Command(w.Context, "cpx-agent", append([]string{"doctor", "--config", w.Path("agent.toml")}, form...)...)
		cmd.Stdout, cmd.Stderr = &all, &all
		_ = cmd.Run() // its status is about the machine
	}
	return all.Bytes()
}

// holds reports whether a text has the PIN, also in hexadecimal.
func holds(text []byte, pin string) bool {
	return bytes.Contains(text, []byte(pin)) || bytes.Contains(bytes.ToLower(text), []byte(hex.EncodeToString([]byte(pin))))
}

// watchProcesses reads what everyone may read of a process and those below it, again
// and again until the function that it returns is called.
func watchProcesses(pid int) func() (processes int, text []byte) {
	stop, ended := make(chan struct{}), make(chan struct{})
	found := map[int]bool{}
	var all bytes.Buffer
	var read func(pid int)
	read = func(pid int) {
		for _, file := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)); err == nil && !bytes.Contains(all.Bytes(), text) {
				all.Write(text)
			}
		}
		found[pid] = true
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			for _, word := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					read(child)
				}
			}
		}
	}
	go func() {
		defer close(ended)
		for {
			read(pid)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() (int, []byte) {
		close(stop)
		<-ended
		return len(found), all.Bytes()
	}
}
