package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestHangingModule: a module that hangs while it is opened is named with that
// reason, the cards of another are shown, and nobody waits until its process is
// ended; doctor says what it may wait for.
func TestHangingModule(t *testing.T) {
	m, err := faultmodule.Build(t.Context(), t.TempDir()) // before the station, which has no Go modules at home
	if err != nil {
		t.Fatal(err)
	}
	w := newStation(t, "cps")
	for key, value := range m.Env(w.Module) {
		t.Setenv(key, value)
	}
	if err := m.Fail("C_Initialize", "hang"); err != nil {
		t.Fatal(err)
	}
	const limits = "lang = \"fr\"\n[limits]\ncard = \"10m\"\nother = \"%s\"\n"
	named := func(r state.Cards) bool {
		return slices.ContainsFunc(r.Modules, func(x state.Module) bool { return x.Path == m.Path && x.Reason == "hanging" && x.Error != "" })
	}

	w.Settings(t, "modules = [%q]\n"+limits, m.Path, "1s")
	if r := w.report(t, exitProblem); !named(r) || len(r.Certificates) != 0 {
		t.Errorf("alone: %+v", r)
	}
	out, errs := w.cpxAgent(t, exitProblem, "certs")
	workstation.Contains(t, errs, "les cartes ne peuvent pas être lues", m.Path)
	workstation.Contains(t, out, m.Path+"  ne répond pas (")
	out, _ = w.cpxAgent(t, exitProblem, "doctor")
	workstation.Contains(t, out, "Module "+m.Path+" : il ne répond pas (", "débranchez puis rebranchez le lecteur")
	if strings.Contains(out, "Aucun module de carte n’est installé") {
		t.Errorf("said to be absent:\n%s", out)
	}

	w.Settings(t, "modules = [%q, %q]\n"+limits, m.Path, w.Module, "15s") // a healthy one is given as long on a slow machine
	if r := w.report(t, exitGood); len(r.Modules) != 2 || !named(r) || len(r.Certificates) == 0 {
		t.Errorf("beside another: %+v", r)
	}
}
