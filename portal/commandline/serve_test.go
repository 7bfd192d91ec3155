package commandline

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
)

// TestServeAddressInUse: that ends with the status at which a system's manager tries again.
func TestServeAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	metrics := settingsFile(t, `metrics = "`+l.Addr().String()+`"`)
	listen := settingsFile(t, "")
	text, err := os.ReadFile(listen)
	if err != nil {
		t.Fatal(err)
	}
	portallab.WriteFile(t, filepath.Dir(listen), "portal.toml", strings.Replace(string(text), "127.0.0.1:0", l.Addr().String(), 1))
	for key, config := range map[string]string{"metrics": metrics, "listen": listen} {
		if says := cpxPortal(t, 1, "", "serve", "--config", config); !strings.Contains(says, ": "+key+": ") || !strings.Contains(says, "in use") {
			t.Errorf("%s: %s", key, says)
		}
	}
}

// TestServeWithoutKeyPair: it is a bad setting before the database is made.
func TestServeWithoutKeyPair(t *testing.T) {
	config := settingsFile(t, "tls_cert = \"root.pem\"\ntls_key = \"none.pem\"")
	if says := cpxPortal(t, 2, "", "serve", "--config", config); !strings.Contains(says, "tls_key") {
		t.Error(says)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(config), "portal.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the database: %v", err)
	}
}
