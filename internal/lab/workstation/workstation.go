// Package workstation is a home of its own with cards and settings, and a person
// there who runs cpx-agent as it is installed, for tests of the command line.
package workstation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// asProgram makes the test program cpx-agent itself, in a process of its own.
const asProgram = "CPX_TEST_AS_PROGRAM"

// Main runs the tests of a package, and is main where a person of this package
// started the test program. main never returns.
func Main(m *testing.M, main func()) {
	pkcs11.RunChildRole()
	if os.Getenv(asProgram) != "" {
		main()
	}
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Workstation is a home of its own with real cards and a settings file.
type Workstation struct {
	Dir, Config, Module string
}

// New makes one, and the process's environment that of a person there.
func New(t *testing.T, cards ...string) *Workstation {
	t.Helper()
	w := &Workstation{Dir: t.TempDir(), Module: "/nowhere/module.so"}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		dir := filepath.Join(w.Dir, strings.ToLower(name))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, dir)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:") // the tester's own keyring and desktop are no part of it
	made, err := democard.Make(filepath.Join(w.Dir, "cards"), cards, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", filepath.Join(w.Dir, "cards", "softhsm2.conf"))
	if len(made) > 0 {
		w.Module = made[0].Module
	}
	w.Settings(t, "modules = [%q]\nlang = \"fr\"\n", w.Module)
	return w
}

// Settings writes the settings file anew.
func (w *Workstation) Settings(t *testing.T, format string, args ...any) {
	t.Helper()
	w.Config = filepath.Join(w.Dir, "config.toml")
	if err := os.WriteFile(w.Config, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Contains fails where a part is missing in what a command printed.
func Contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing:\n%s", part, text)
		}
	}
}
