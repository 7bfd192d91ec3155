package attack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func line24() []Attack {
	return []Attack{
		{Line: 24, Title: "another user rewrites the policy", Empty: true, Play: rewrittenPolicy},
		{Line: 24, Title: "another user replaces what the policy names", Empty: true, Play: replacedModule},
	}
}

// another is a user of the machine who has nothing to do with the agent.
const another = "4243"

// asAnother has another user run a shell's line.
func (w *World) asAnother(line string) error {
	out, err := exec.CommandContext(w.Context, "setpriv", "--reuid="+another, "--regid="+another, "--clear-groups", "sh", "-c", line).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func rewrittenPolicy(w *World, r *Record) error {
	m, err := w.manage()
	if err != nil {
		return err
	}
	if err := m.with(func() error { return m.Login() }); err != nil {
		return fmt.Errorf("with a good policy: %w", err)
	}
	good, err := os.ReadFile(m.file())
	if err != nil {
		return err
	}
	if err := os.Chmod(w.Dir, 0o711); err != nil { // the way to /etc, for another user
		return err
	}
	for _, c := range []struct {
		what  string
		spoil func() error
	}{
		{"a policy for all", func() error { return os.Chmod(m.file(), 0o666) }},
		{"its folder for all", func() error { return os.Chmod(filepath.Dir(m.file()), 0o777) }},
		{"its folder for a group", func() error {
			return errors.Join(os.Chown(filepath.Dir(m.file()), 0, 4243), os.Chmod(filepath.Dir(m.file()), 0o775))
		}},
	} {
		if err := errors.Join(m.policy(string(good)), os.Chown(filepath.Dir(m.file()), 0, 0), c.spoil()); err != nil {
			return err
		}
		line := fmt.Sprintf("echo '[origins]\nmode = \"ask\"' > %[1]s || { mv %[1]s %[1]s.old && echo '[origins]\nmode = \"ask\"' > %[1]s; }", m.file())
		if err := w.asAnother(line); err != nil {
			return fmt.Errorf("%s: the other user did not reach it: %w", c.what, err)
		}
		status, out := m.ends("run", "--no-tray")
		r.Check(status == 2 && strings.Contains(out, policyFile) && strings.Contains(out, "chmod go-w"), "the agent after "+c.what, "status %d, %s", status, firstLine(out))
		status, out = m.ends("doctor", "--json")
		r.Check(status == 1 && strings.Contains(out, `"settings_untrusted"`), "doctor after "+c.what, "status %d", status)
		if err := os.Remove(m.file()); err != nil {
			return err
		}
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

func replacedModule(w *World, r *Record) error {
	m, err := w.manage()
	if err != nil {
		return err
	}
	if err := os.Chmod(w.Dir, 0o711); err != nil {
		return err
	}
	open := filepath.Join(w.Dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o777)); err != nil {
		return err
	}
	module, own := filepath.Join(open, "module.so"), m.Cards[0].Module
	if err := w.asAnother(fmt.Sprintf("cp '%s' '%s'", own, module)); err != nil {
		return err
	}
	quoted := func(path string) string { return fmt.Sprintf("modules = [%q", path) }
	if err := m.change(quoted(own), quoted(module)); err != nil {
		return err
	}
	if err := m.with(func() error { return m.gets(r, "a module in a folder for all", "1302 no_module untrusted_owner") }); err != nil {
		return err
	}
	if err := m.change(quoted(module), fmt.Sprintf("modules = [%q, %q", module, own)); err != nil {
		return err
	}
	err = m.with(func() error {
		err := m.gets(r, "that module, and a good one after it", "")
		r.Check(strings.Count(m.Log(), "msg=\"module opened\"") == 1, "what was loaded", "%d modules", strings.Count(m.Log(), "msg=\"module opened\""))
		return err
	})
	if err != nil {
		return err
	}
	program := filepath.Join(open, "pinentry")
	if err := w.asAnother(fmt.Sprintf("printf '#!/bin/sh\\n: >%s/ran\\n' > '%s' && chmod 755 '%s'", open, program, program)); err != nil {
		return err
	}
	if err := m.change(fmt.Sprintf("pinentry = %q", m.Path("autopin")), fmt.Sprintf("pinentry = %q", program)); err != nil {
		return err
	}
	err = m.with(func() error { return m.gets(r, "a pinentry in a folder for all", "1303 prompt_failed untrusted_owner") })
	_, ran := os.Stat(filepath.Join(open, "ran"))
	r.Check(errors.Is(ran, os.ErrNotExist), "the other user's program", "%v", ran)
	return err
}

// gets has a page ask for a login, and checks what it gets.
func (m *managed) gets(r *Record, tried, want string) error {
	got, err := m.answered()
	r.Check(err == nil && got == want, tried, "%q %v", got, err)
	return nil
}
