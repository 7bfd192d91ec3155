package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestDoctorOfBadSettings: a collector gets JSON, the exit status of a problem, and all
// that is wrong beside them.
func TestDoctorOfBadSettings(t *testing.T) {
	w := newStation(t)
	w.Settings(t, "lang = \"fr\"\n[wss]\nenabled = 3\n")
	out, _ := w.cpxAgent(t, exitProblem, "doctor", "--json")
	var r doctor.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Findings) < 8 {
		t.Fatalf("%v in %s", err, out)
	}
	f := r.Findings[0]
	if f.Code != "settings_bad" || f.Check != "settings" || f.Outcome != doctor.Problem || f.Subject != "wss.enabled" {
		t.Errorf("%+v", f)
	}
	workstation.Contains(t, f.Text, "config.toml:3: wss.enabled: il faut true ou false")
	out, errs := w.cpxAgent(t, exitProblem, "doctor")
	if strings.Contains(out+errs, "struct") || errs != "" {
		t.Error(out, errs)
	}
	workstation.Contains(t, out, "✗ Les réglages ne peuvent être lus", "✓ Ce système dit qui se connecte")
}

// TestDoctorOfAPipe: settings that are a pipe, which nobody writes to, are said by path and
// with what to do, and hold up neither the other checks nor the start of an agent.
func TestDoctorOfAPipe(t *testing.T) {
	w := newStation(t)
	w.Config = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(w.Config, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := w.cpxAgent(t, exitProblem, "doctor", "--lang", "fr")
	workstation.Contains(t, out, w.Config+": c’est un tube nommé, et non un fichier ordinaire : indiquez un fichier ordinaire", "✓ Ce système dit qui se connecte")
	_, errs := w.cpxAgent(t, exitUsage, "run")
	workstation.Contains(t, errs, w.Config+": c’est un tube nommé")
}

// TestDoctorNeverLogsIn checks the calls of the module, as OpenSC's spy traced
// them.
func TestDoctorNeverLogsIn(t *testing.T) {
	spy, err := filepath.Glob("/usr/lib/*/pkcs11-spy.so")
	if err != nil || len(spy) == 0 {
		need.Lacks(t, "OpenSC's pkcs11-spy.so")
	}
	w := newStation(t, "cps")
	trace := filepath.Join(w.Dir, "trace")
	t.Setenv("PKCS11SPY", w.Module)
	t.Setenv("PKCS11SPY_OUTPUT", trace)
	w.Settings(t, "modules = [%q]\nlang = \"en\"\n", spy[0])
	out, _ := w.cpxAgent(t, exitProblem, "doctor")
	workstation.Contains(t, out, "A card can be used to log in.")
	calls, err := os.ReadFile(trace)
	if err != nil || !strings.Contains(string(calls), "C_GetTokenInfo") {
		t.Fatalf("the trace shows no call: %v", err)
	}
	for _, call := range []string{"C_Login", "C_Sign", "C_SetPIN", "C_InitPIN"} {
		if strings.Contains(string(calls), call) {
			t.Errorf("%s was called", call)
		}
	}
}
