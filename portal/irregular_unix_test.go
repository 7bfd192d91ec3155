//go:build unix

package portal

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// TestPipesOfSettings: a pipe that nobody writes to, in the place of any file that the
// settings name or of their own, is refused at once by path and by what it is.
func TestPipesOfSettings(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	good := portallab.SettingsText(t, dir, "https://portail.test")
	serve := func(path string) error {
		read, err := settings.Load(path)
		if err != nil {
			return err
		}
		p, err := New(t.Context(), read, Options{})
		if err != nil {
			return err
		}
		return errors.Join(p.Serve(t.Context()), p.Close())
	}
	text := func(old, new string) string { return portallab.Replacing(old, new)(good) }
	for name, c := range map[string]struct{ text, key string }{
		"the settings":  {"", ""},
		"texts":         {text("revocation =", "texts = \"pipe\"\nrevocation ="), "texts"},
		"roots":         {text(filepath.Join(dir, "root.pem"), pipe), "trust_group.roots"},
		"a certificate": {text("revocation =", "tls_cert = \"pipe\"\ntls_key = \"portal.toml\"\nrevocation ="), "tls_cert"},
		"its key":       {text("revocation =", "tls_cert = \"portal.toml\"\ntls_key = \"pipe\"\nrevocation ="), "tls_key"},
	} {
		path := pipe
		if c.text != "" {
			path = portallab.WriteFile(t, dir, "portal.toml", c.text)
		}
		err := serve(path)
		bad, is := errors.AsType[*settings.Error](err)
		if !is || bad.Key != c.key || !strings.Contains(bad.Error(), pipe+" is a named pipe: a regular file is needed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
