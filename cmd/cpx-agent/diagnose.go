package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
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
		cmd.WaitDelay = time.Second
		var said bytes.Buffer
		cmd.Stdout = &said
		runErr := cmd.Run() // its status says what the report says
		var report doctor.Report
		if err := json.Unmarshal(said.Bytes(), &report); err != nil {
			return agent.Diagnosis{}, fmt.Errorf("doctor: %w", errors.Join(runErr, err))
		}
		return agent.Diagnosis{Text: report.Worst().Text(), Hotline: report.Hotline(time.Now(), system(), private(now()))}, nil
	}
}

// private is what this workstation knows of who sits here and where they log in: nothing of
// it goes to a hotline.
func private(s state.State) (list []string) {
	names := func(texts ...string) {
		for _, text := range texts {
			list = append(list, text)
			list = append(list, strings.Fields(text)...)
		}
	}
	for _, c := range s.Certificates {
		names(c.Holder)
		list = append(list, c.Identifier, c.ID)
		list = append(list, labels(c.Card)...)
	}
	for _, r := range s.Readers {
		list = append(list, labels(r.Card)...)
	}
	for _, site := range s.Sites {
		list = append(list, hosts(site.Origin)...)
	}
	for _, origin := range s.Listed {
		list = append(list, hosts(origin)...)
	}
	for _, d := range s.Never {
		list = append(list, d.Name)
	}
	if u, err := user.Current(); err == nil {
		names(u.Name)
		list = append(list, u.HomeDir, u.Username[strings.LastIndexByte(u.Username, '\\')+1:])
	}
	if host, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(host, ".")
		list = append(list, host, short)
	}
	if home, err := os.UserHomeDir(); err == nil {
		list = append(list, home)
	}
	return append(list, os.Getenv("USER"), os.Getenv("LOGNAME"), os.Getenv("USERNAME"))
}

// labels are a card's label and the words in it that bear its number.
func labels(card string) (list []string) {
	list = []string{card}
	for _, word := range strings.Fields(card) {
		digits := 0
		for _, r := range word {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if digits >= 4 {
			list = append(list, word)
		}
	}
	return list
}

// hosts are an origin and its host.
func hosts(origin string) []string {
	_, host, _ := strings.Cut(origin, "://")
	return []string{origin, strings.TrimPrefix(host, "*."), strings.Split(strings.TrimPrefix(host, "*."), ":")[0]}
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
