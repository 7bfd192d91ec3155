package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// diagnosis examines the workstation as `cpx-agent doctor` does, and in a process of its
// own: what hangs there, a keyring or a service, holds up nothing of the agent and ends
// with the process. The cards are read by the agent itself, which that process asks, so
// that no login is disturbed and no module is opened twice.
func diagnosis(settings policy.Paths, now func() state.State) func(ctx context.Context, lang string) (agent.Diagnosis, error) {
	return func(ctx context.Context, lang string) (agent.Diagnosis, error) {
		program, err := os.Executable()
		if err != nil {
			return agent.Diagnosis{}, err
		}
		args := []string{"doctor", "--json", "--lang", lang}
		if settings.UserRequired {
			args = append(args, "--config", settings.User)
		}
		cmd := exec.CommandContext(ctx, program, args...)
		role.OwnImage(cmd) // which understands this agent
		cmd.WaitDelay = time.Second
		var said bytes.Buffer
		cmd.Stdout = &said
		runErr := cmd.Run() // its status says what the report says
		var report doctor.Report
		if err := json.Unmarshal(said.Bytes(), &report); err != nil {
			return agent.Diagnosis{}, fmt.Errorf("doctor: %w", errors.Join(runErr, err))
		}
		x := now()
		failures := x.FailuresText(lang)
		return agent.Diagnosis{Text: failures + report.Worst().Text(), Hotline: report.Hotline(time.Now(), system(), doctor.Private(x)) + failures}, nil
	}
}

// system is what the program runs on, as far as a hotline asks.
func system() string {
	text := runtime.GOOS + "/" + runtime.GOARCH
	if name := systemName(); name != "" {
		text += ", " + name
	}
	return text
}

// inSystemLog reports whether standard error, where the log's lines go too, is systemd's
// journal (systemd.exec(5), JOURNAL_STREAM).
func inSystemLog() bool {
	info, err := os.Stderr.Stat()
	return err == nil && journalStream(info) == os.Getenv("JOURNAL_STREAM") && os.Getenv("JOURNAL_STREAM") != ""
}
