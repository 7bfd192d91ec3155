package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// TestSettingsFromPipes: the settings, and each file that they name, may come by a pipe that
// was opened for the portal, as `--config <(…)` and a secret's store give it.
func TestSettingsFromPipes(t *testing.T) {
	dir := t.TempDir()
	text := portallab.SettingsText(t, dir, "https://portail.test")
	root, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	text = portallab.Replacing(filepath.Join(dir, "root.pem"), byPipe(t, root))(text)
	certificate, key := byPipe(t, []byte("no certificate")), byPipe(t, []byte("no key"))
	text = portallab.Replacing("revocation =", fmt.Sprintf("texts = %q\ntls_cert = %q\ntls_key = %q\nrevocation =", byPipe(t, sampleTexts), certificate, key))(text)
	s, err := Load(byPipe(t, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Profile()
	if err != nil || len(p.TrustGroups) == 0 || len(p.TrustGroups[0].Roots) == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.KeyPair(); !strings.Contains(fmt.Sprint(err), "failed to find any PEM data in certificate input") {
		t.Errorf("the pair: %v", err) // both were read
	}
}

// byPipe is the path of a pipe that gives a text and is closed.
func byPipe(t *testing.T, text []byte) string {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	go func() {
		_, _ = in.Write(text)
		_ = in.Close()
	}()
	return fmt.Sprintf("/dev/fd/%d", out.Fd())
}
