package portal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// TestFullDisk: on a full disk a login ends with a problem of the server's, and once
// there is room accounts and cards are as they were, and log in.
func TestFullDisk(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "disk")
	disk := fulldisk.New(t, dir)
	s := newSite(t, portallab.Replacing(`database = "portal.db"`, `database = "`+filepath.Join(dir, "portal.db")+`"`))
	c := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	in := s.browser(t)
	in.attach(c, testName)
	in.entered(c, "Dr TEST Testeur")
	if err := disk.Fill(); err != nil {
		t.Fatal(err)
	}
	other := s.browser(t)
	refused := false
	for range 10 { // what is in the last page of the journal may still be written
		_, reason := other.login(c) // a challenge writes nothing
		if reason != "" && reason != "internal" {
			t.Errorf("a login on a full disk: %s", reason)
		}
		refused = refused || reason == "internal"
	}
	if !refused {
		t.Error("the disk was not full")
	}
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	in.entered(c, "Dr TEST Testeur")
	if next, reason := s.browser(t).login(c); next != pathSpace || reason != "" {
		t.Errorf("with room again: %q %q", next, reason)
	}
	if info, err := os.Stat(filepath.Join(dir, "portal.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}
