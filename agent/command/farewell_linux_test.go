package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFarewell: who quit in the menu reads how to come back, in the language of the settings,
// by what there really is; nobody reads it who did not quit there.
func TestFarewell(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_STATE_HOME"} {
		t.Setenv(name, filepath.Join(dir, name))
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	said := ""
	p := program
	p.Say = func(_ context.Context, lang, text string) { said = lang + ": " + text }
	run := func(args ...string) {
		t.Helper()
		said = ""
		var errs bytes.Buffer
		if status := p.Run(t.Context(), args, &errs, &errs); status != exitGood {
			t.Errorf("%v: exit %d: %s", args, status, errs.String())
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "config.toml")
	for _, row := range []struct {
		lang     string
		before   []string
		has, not string
	}{
		{"fr", nil, "CPx Bridge est arrêté : vous ne pouvez plus vous identifier par carte sur ce poste.\n\nPour démarrer CPx Bridge, lancez ce programme : « " + self + " ».\nIl ne démarre pas avec votre session.", ""},
		{"en", []string{"shortcut", "add"}, "CPx Bridge has ended: you cannot log in by card on this workstation.\n\nTo start CPx Bridge: the applications’ menu › CPx Bridge.\nIt does not start with your desktop.", self},
		{"fr", []string{"autostart", "enable"}, "Pour démarrer CPx Bridge : menu des applications › CPx Bridge.\nIl démarre aussi à la prochaine ouverture de votre session.", self},
		{"en", []string{"shortcut", "remove"}, "To start CPx Bridge, run this program: “" + self + "”.\nIt also starts when you next log in to this desktop.", "menu"},
	} {
		if err := os.WriteFile(settings, []byte("lang = \""+row.lang+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if row.before != nil {
			run(row.before...)
		}
		p.Serve = func(context.Context, Start) error { return ErrQuit }
		run("run", "--config", settings)
		if !strings.HasPrefix(said, row.lang+": ") || !strings.HasSuffix(said, row.has) || row.not != "" && strings.Contains(said, row.not) {
			t.Errorf("after %v: %q, want %q", row.before, said, row.has)
		}
		p.Serve = func(context.Context, Start) error { return nil }
		if run("run", "--config", settings); said != "" {
			t.Errorf("nobody quit, and %q was said", said)
		}
	}
}
