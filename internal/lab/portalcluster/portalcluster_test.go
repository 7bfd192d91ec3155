package portalcluster

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// A part of `make portal-cluster`: fewer people, for a shorter time.
func TestCluster(t *testing.T) {
	postgres.Need(t)
	program := filepath.Join(t.TempDir(), "cpx-portal")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/cpx-bridge/cpx-bridge/cmd/cpx-portal").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err := Run(t.Context(), Options{Dir: t.TempDir(), Program: program, People: 12, Time: 12 * time.Second, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range report.Faults() {
		t.Error(fault)
	}
	if err := report.Table(t.Output()); err != nil {
		t.Error(err)
	}
}

// Each thing that must never be is a fault, and so is a run that shows nothing.
func TestFaults(t *testing.T) {
	good := Report{Logins: 1, Replayed: 1, Moved: 1, Checked: 1, RevokedRefused: 1, Nonces: 1}
	if faults := good.Faults(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	for name, change := range map[string]func(*Report){
		"lost": func(r *Report) { r.Lost = 1 }, "twice": func(r *Report) { r.Twice = 1 }, "moved": func(r *Report) { r.Accepted = 1 }, "foreign": func(r *Report) { r.Foreign = 1 },
		"unused": func(r *Report) { r.Unused = 1 }, "let in": func(r *Report) { r.RevokedLetIn = 1 }, "quiet": func(r *Report) { r.FailedQuiet = 1 }, "late": func(r *Report) { r.Revoked = limit + 1 },
		"no login": func(r *Report) { r.Logins = 0 }, "no replay": func(r *Report) { r.Replayed = 0 }, "no move": func(r *Report) { r.Moved = 0 }, "no check": func(r *Report) { r.Checked = 0 }, "no revocation": func(r *Report) { r.RevokedRefused = 0 },
	} {
		r := good
		change(&r)
		if len(r.Faults()) != 1 {
			t.Errorf("%s: %q", name, r.Faults())
		}
	}
}
