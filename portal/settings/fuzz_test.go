package settings

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// FuzzSettings: whatever stands in a portal's settings, it is refused by name or safe to
// run: test cards and plain http stay on this machine, and no card is taken without a
// revocation check but a test card.
func FuzzSettings(f *testing.F) {
	dir := fuzzing.Folder(f)
	file := filepath.Join(dir, "portal.toml")
	good := portallab.SettingsText(f, dir, "https://portail.test.example")
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(file)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || len(err.Error()) > 4000 || strings.ContainsAny(err.Error(), "\x00\r\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		u, err := url.Parse(s.Origin)
		if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil {
			t.Errorf("origin %q: %v", s.Origin, err)
		}
		if !s.Local() && (u.Scheme != "https" && !s.AllowInsecure || s.TestGroups() && !s.AllowTestGroups) {
			t.Errorf("taken beyond this machine: %+v", s)
		}
		if s.HTTPS() && s.TLSCert == "" && !s.loopback() && len(s.Proxies) == 0 && !s.AllowInsecure {
			t.Errorf("https that nobody speaks: %+v", s)
		}
		for _, g := range s.TrustGroups {
			if !g.Test {
				t.Errorf("real cards without revocation: %+v", s)
			}
		}
		if s.Session.Idle <= 0 || s.Session.Total <= 0 || time.Duration(s.Session.Idle) > 1<<62 {
			t.Errorf("session %+v", s.Session)
		}
		if c := s.CardLogin; c.PortsFirst < 1024 || c.PortsFirst+c.PortsCount > 65536 || strings.HasPrefix(c.InstallURL, "//") || strings.Contains(strings.ToLower(c.InstallURL), "javascript:") && !strings.HasPrefix(c.InstallURL, "/") && !strings.HasPrefix(c.InstallURL, "https://") {
			t.Errorf("card login %+v", c)
		}
	})
}
