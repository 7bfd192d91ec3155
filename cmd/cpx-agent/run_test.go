package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/denied"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

func TestMain(m *testing.M) {
	denied.RunRole()
	runDisplayRole()
	window.RunChildRole() // which gets no environment of the test's
	workstation.Main(m, main)
}

// started is a log that ends the agent as soon as it serves.
type started struct {
	text bytes.Buffer
	stop context.CancelFunc
	seen bool
}

func (s *started) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("msg=listening")) {
		s.seen = true
		s.stop()
	}
	return s.text.Write(text)
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	w := workstation.New(t, "cps")
	w.Settings(t, "modules = [%q]\n", w.Module)
	ctx, stop := context.WithCancel(t.Context())
	log := &started{stop: stop}
	code := program().Run(ctx, []string{"--config", w.Config, "run", "--no-tray"}, &bytes.Buffer{}, log)
	if code != 0 || !log.seen {
		t.Errorf("exit %d: %s", code, log.text.String())
	}
}

func TestRunWithoutAFreePort(t *testing.T) {
	w := workstation.New(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.Settings(t, "modules = [%q]\n[ports]\nfirst = %d\ncount = 1\n", w.Module, l.Addr().(*net.TCPAddr).Port)
	var errs bytes.Buffer
	if code := program().Run(t.Context(), []string{"--config", w.Config, "run", "--no-tray"}, &bytes.Buffer{}, &errs); code != 1 || !strings.Contains(errs.String(), "no free port") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}
