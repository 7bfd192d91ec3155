package attack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

func line18() []Attack {
	return []Attack{{Line: 18, Title: "modules that are none, and one by a path that is not absolute", Short: true, Empty: true, Play: falseModules}}
}

// falseModules names modules that are none before the good one.
func falseModules(w *World, r *Record) error {
	if err := w.Open(stack.Options{AgentOnly: true}); err != nil {
		return err
	}
	if err := w.Login(); err != nil {
		return fmt.Errorf("with its module alone: %w", err)
	}
	own := w.Cards[0].Module
	_ = w.Agent.Signal(os.Interrupt)
	if err := w.Agent.Wait(); err != nil {
		return err
	}
	settings, err := os.ReadFile(w.Path("agent.toml"))
	if err != nil {
		return err
	}
	var list []string
	for name, content := range map[string]string{"text.so": "#!/bin/sh\n: >ran\n", "empty.so": "", "cut.so": "\x7fELF\x02\x01\x01"} {
		path := filepath.Join(w.Dir, name)
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			return err
		}
		list = append(list, fmt.Sprintf("%q", path))
	}
	list = append(list, fmt.Sprintf("%q", filepath.Join(w.Dir, "missing.so")), fmt.Sprintf("%q", own))
	with := func(modules string) error {
		text := strings.Replace(string(settings), fmt.Sprintf("modules = [%q]", own), "modules = ["+modules+"]", 1)
		if text == string(settings) {
			return fmt.Errorf("the settings do not name %s alone", own)
		}
		return os.WriteFile(w.Path("agent.toml"), []byte(text), 0o600)
	}
	if err := with(strings.Join(list, ", ")); err != nil {
		return err
	}
	if w.Agent, err = w.StartAgent(w.Context, false, "--no-tray"); err != nil {
		return err
	}
	err = w.Login()
	failed := strings.Count(w.Log(), "module does not work")
	r.Check(err == nil && failed == len(list)-1, "four files that are no modules, and the good one", "%v; %d are named in the log", err, failed)
	_ = w.Agent.Signal(os.Interrupt)
	if err := w.Agent.Wait(); err != nil {
		return err
	}
	if err := with(`"libsofthsm2.so"`); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.Context, patience)
	defer cancel()
	cmd := w.Command(ctx, "cpx-agent", "run", "--no-tray", "--config", w.Path("agent.toml"))
	out, _ := cmd.CombinedOutput()
	said := strings.Contains(string(out), texts.In(language.French).Text("settings.bound_path")) || strings.Contains(string(out), texts.In(language.English).Text("settings.bound_path"))
	r.Check(cmd.ProcessState.ExitCode() == 2 && said, "a module by its name alone", "status %d, %s", cmd.ProcessState.ExitCode(), firstLine(string(out)))
	return nil
}
