// Package workstation has homes with cards and settings, and persons who run
// cpx-agent there as it is installed, for tests of the command line. It is for one
// test at a time, because it sets the process's environment; it never touches the
// tester's own home.
package workstation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/denied"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// asProgram is a variable that makes the test program run as cpx-agent.
const asProgram = "CPX_TEST_AS_PROGRAM"

// AsProgram is the environment in which the test program runs as cpx-agent, whoever starts it.
const AsProgram = asProgram + "=1"

// Main runs a package's tests, or main where a person of this package started the
// test program. main never returns.
func Main(m *testing.M, main func()) {
	denied.RunRole()
	pry.RunRole()
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

// Workstation is a home with SoftHSM cards and a settings file.
type Workstation struct {
	Dir, Config, Module string
}

// New makes a workstation, and sets this process's environment to that of a person
// there.
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
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:") // excludes the tester's own keyring and desktop
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

// Settings replaces the settings file.
func (w *Workstation) Settings(t *testing.T, format string, args ...any) {
	t.Helper()
	w.Config = filepath.Join(w.Dir, "config.toml")
	if err := os.WriteFile(w.Config, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Contains fails the test where a part is missing in a command's output.
func Contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing:\n%s", part, text)
		}
	}
}
