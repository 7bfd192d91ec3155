package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/everyone"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestFailedStart: who does not see what the agent prints is shown why there is none, and
// the log has it once. A command that is not the agent shows nothing.
func TestFailedStart(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		args     []string
		serve    error
		status   int
		shown    string // "": nothing
		logged   string
	}{
		"bad settings":              {"lang = 3\n", []string{"run"}, nil, exitUsage, "lang", "lang"},
		"bad settings, no command":  {"lang = 3\n", nil, nil, exitUsage, "lang", "lang"},
		"the agent ends":            {"", []string{"run"}, errors.New("TEST broke"), exitProblem, "TEST broke", "TEST broke"},
		"the agent ends as it must": {"", []string{"run"}, context.Canceled, exitGood, "", "TEST broke"},
		"a wrong option":            {"", []string{"run", "--wrong"}, nil, exitUsage, "--wrong", "--wrong"},
		"another command":           {"lang = 3\n", []string{"certs"}, nil, exitUsage, "", ""},
		"another command, wrong":    {"", []string{"quit", "now"}, nil, exitUsage, "", ""},
		"no such command":           {"", []string{"rnu"}, nil, exitUsage, "rnu", "rnu"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("LC_ALL", "fr_FR.UTF-8")
			t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "état"))
			config := filepath.Join(dir, "config.toml")
			if err := os.WriteFile(config, []byte(c.settings), 0o600); err != nil {
				t.Fatal(err)
			}
			var shown []string
			p := program
			p.Serve = func(context.Context, Start) error { return c.serve }
			p.Failed = func(_ context.Context, lang, text string) { shown = append(shown, lang+": "+text) }
			var out, errs bytes.Buffer
			if got := p.Run(t.Context(), append([]string{"--config", config}, c.args...), &out, &errs); got != c.status {
				t.Fatalf("status %d, want %d: %s", got, c.status, errs.String())
			}
			log, err := os.ReadFile(filepath.Join(dir, "état", "cpx-bridge", journal.Name))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if c.shown == "" {
				if len(shown) != 0 || strings.Contains(string(log), "level=ERROR") {
					t.Errorf("shown %q, logged %s", shown, log)
				}
				return
			}
			if len(shown) != 1 || !strings.HasPrefix(shown[0], "fr: CPx Bridge ne fonctionne pas") || !strings.Contains(shown[0], c.shown) || !strings.Contains(shown[0], journal.Name) {
				t.Errorf("shown %q", shown)
			}
			if strings.Count(string(log), "level=ERROR") != 1 || !strings.Contains(string(log), c.logged) {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// TestFailedStartWithoutLog: the text names no log that could not be written.
func TestFailedStartWithoutLog(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LC_ALL", "en_GB.UTF-8")
	t.Setenv("XDG_STATE_HOME", file) // no folder can be made in it
	shown := ""
	p := program
	p.Failed = func(_ context.Context, _, text string) { shown += text }
	var out, errs bytes.Buffer
	if got := p.Run(t.Context(), []string{"--config", filepath.Join(dir, "missing")}, &out, &errs); got != exitUsage {
		t.Errorf("status %d", got)
	}
	if !strings.HasPrefix(shown, "CPx Bridge does not work") || strings.Contains(shown, journal.Name) {
		t.Errorf("shown %q", shown)
	}
}

// TestNoRights: a folder that is closed to the person is named with what to do, and the
// system's reason stands in brackets.
func TestNoRights(t *testing.T) {
	for _, reason := range []error{syscall.EACCES, syscall.EROFS, fs.ErrPermission} {
		err := fmt.Errorf("control: %w", &fs.PathError{Op: "mkdir", Path: "/TEST/.config", Err: reason})
		for lang, want := range map[string]string{"fr": "« /TEST/.config » (" + reason.Error() + "). Demandez-les à votre support", "en": "“/TEST/.config” (" + reason.Error() + "). Ask your IT support"} {
			s := &invocation{Catalogue: texts.In(lang), lang: lang}
			if got := s.errorText(err); !strings.Contains(got, want) {
				t.Errorf("%s: %s", lang, got)
			}
		}
	}
	s := &invocation{Catalogue: texts.In("en"), lang: "en"}
	if got := s.errorText(&fs.PathError{Op: "open", Path: "/TEST", Err: syscall.EIO}); strings.Contains(got, "right") {
		t.Error(got)
	}
}

// TestResumeIsSilent: an installer runs it as SYSTEM at the desktop of whoever asked for a
// repair, where no window of its may stand.
func TestResumeIsSilent(t *testing.T) {
	p := program
	p.Failed = func(_ context.Context, _, text string) { t.Errorf("shown: %s", text) }
	for _, err := range []error{errors.New("session 3: nobody is logged in there"), everyone.ErrNotAdministrator} {
		var errs bytes.Buffer
		s := &invocation{Program: p, stdout: io.Discard, stderr: &errs}
		root := s.commands()
		if err := s.line.parse(root, []string{"run", "--resume", "--lang", "en"}); err != nil {
			t.Fatal(err)
		}
		s.load()
		if got := s.exit(t.Context(), s.resumed(err), root); got != exitProblem || errs.Len() == 0 {
			t.Errorf("%v: exit %d, printed %q", err, got, errs.String())
		}
	}
}
