package attack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// managed is a world whose agent has a machine policy, in an /etc of its own.
type managed struct {
	*World
	etc string
}

const policyFile = "/etc/cpx-bridge/policy.toml"

// manage makes such a world; no agent runs yet. Its policy is what the stack's settings
// are else, and the person has no settings.
func (w *World) manage() (*managed, error) {
	if os.Getuid() != 0 {
		return nil, Missing("an /etc of root's needs root")
	}
	m := &managed{w, filepath.Join(w.Dir, "etc")}
	if out, err := exec.CommandContext(w.Context, "cp", "-a", "/etc", m.etc).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	bin := filepath.Join(w.Dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"cpx-card", "cpx-portal", "autopin"} {
		if err := os.Symlink(filepath.Join(w.Bin, name), filepath.Join(bin, name)); err != nil {
			return nil, err
		}
	}
	real, err := filepath.Abs(filepath.Join(w.Bin, "cpx-agent"))
	if err != nil {
		return nil, err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount sh -c 'mount --bind \"$1\" /etc && shift && exec \"$@\"' sh '%s' '%s' \"$@\"\n", m.etc, real)
	if err := os.WriteFile(filepath.Join(bin, "cpx-agent"), []byte(script), 0o755); err != nil {
		return nil, err
	}
	if w.Stack, err = stack.Prepare(w.Context, stack.Options{Dir: w.Dir, Bin: bin, AutoPIN: settle, AgentOnly: true}); err != nil {
		return nil, err
	}
	settings, err := os.ReadFile(w.Path("agent.toml"))
	if err != nil {
		return nil, err
	}
	return m, errors.Join(m.policy(string(settings)), m.settings(""))
}

// file is where the policy really stands.
func (m *managed) file() string { return filepath.Join(m.etc, "cpx-bridge", "policy.toml") }

// policy makes the machine's policy, as an administrator does.
func (m *managed) policy(text string) error {
	dir := filepath.Dir(m.file())
	return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755), os.WriteFile(m.file(), []byte(text), 0o644), os.Chmod(m.file(), 0o644))
}

// change replaces a part of the policy.
func (m *managed) change(old, new string) error {
	text, err := os.ReadFile(m.file())
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), old) {
		return fmt.Errorf("the policy has no %s", old)
	}
	return m.policy(strings.Replace(string(text), old, new, 1))
}

// settings are the person's.
func (m *managed) settings(text string) error {
	return os.WriteFile(m.Path("agent.toml"), []byte(text), 0o600)
}

// ends runs a command of the agent to its end.
func (m *managed) ends(args ...string) (status int, out string) {
	ctx, cancel := context.WithTimeout(m.Context, patience)
	defer cancel()
	cmd := m.Command(ctx, "cpx-agent", append(args, "--config", m.Path("agent.toml"))...)
	text, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(text)
}

// with has f meet a running agent.
func (m *managed) with(f func() error) (err error) {
	if m.Agent, err = m.StartAgent(m.Context, false, "--no-tray"); err != nil {
		return err
	}
	err = f()
	_ = m.Agent.Signal(os.Interrupt)
	return errors.Join(err, m.Agent.Wait())
}

// answered is what a page gets that asks for a login: the reason and the detail, or nothing.
func (w *World) answered() (string, error) {
	p, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return "", err
	}
	defer p.Socket.Close()
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	if err != nil || a.Error == nil {
		return "", err
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", a.Error.Code, a.Error.Data.Reason, a.Error.Data.Detail)), nil
}
