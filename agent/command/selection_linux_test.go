package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// examined runs doctor as an inventory does, without --config, and reads what it printed.
func examined(t *testing.T, exit int, args ...string) doctor.Report {
	t.Helper()
	var out, errs bytes.Buffer
	if got := program.Run(t.Context(), append([]string{"doctor", "--json"}, args...), &out, &errs); got != exit || errs.Len() > 0 {
		t.Fatalf("%v: exit %d, want %d\n%s%s", args, got, exit, out.String(), errs.String())
	}
	if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("not in ASCII: %s", out.Bytes()[i:])
	}
	if err := jsonschema.Check(doctor.Schema(), out.Bytes()); err != nil {
		t.Error(err)
	}
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDoctorOfAnInventory: as root, SYSTEM or a scheduler have it, without a home, and whatever
// settings of their own these have, doctor tells of the workstation, and in each language by
// the same names.
func TestDoctorOfAnInventory(t *testing.T) {
	newStation(t)
	own := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "cpx-bridge", "config.toml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(own), 0o700), os.WriteFile(own, []byte("nonsense"), 0o600)); err != nil {
		t.Fatal(err)
	}
	person := examined(t, exitProblem)
	if f := person.Findings[0]; f.Code != "settings_bad" || f.Scope != doctor.OfPerson {
		t.Errorf("%+v", f)
	}
	codes := func(r doctor.Report) (list []string) {
		for _, f := range r.Findings {
			list = append(list, f.Code+" "+f.Subject)
		}
		return list
	}
	french := examined(t, exitProblem, "--scope", "machine", "--lang", "fr")
	if french.Findings[0].Code != "settings_taken" || !slices.Equal(french.Scopes, []doctor.Scope{doctor.OfMachine}) || len(french.Findings) >= len(person.Findings) {
		t.Errorf("%+v", french)
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		if err := os.Unsetenv(name); err != nil { // which t.Setenv puts back
			t.Fatal(err)
		}
	}
	english := examined(t, exitProblem, "--scope", "machine", "--lang", "en")
	if !slices.Equal(codes(french), codes(english)) || english.Findings[0].Text == french.Findings[0].Text {
		t.Errorf("%q\n%q", codes(french), codes(english))
	}
	var ignore []string
	for _, f := range english.Findings {
		if f.Outcome == doctor.Problem {
			ignore = append(ignore, f.Code)
		}
	}
	if r := examined(t, exitGood, "--scope", "machine", "--ignore", strings.Join(ignore, ",")); r.Outcome == doctor.Problem || !slices.Equal(r.Ignored, ignore) {
		t.Errorf("%+v", r)
	}

	// Of a person nothing can be told without a home: that is no finding.
	var out, errs bytes.Buffer
	if got := program.Run(t.Context(), []string{"doctor", "--json", "--lang", "en"}, &out, &errs); got != exitFailed || out.Len() > 0 {
		t.Errorf("exit %d: %s", got, out.String())
	}
	workstation.Contains(t, errs.String(), "nothing was examined: HOME is not set", "--scope machine")
}

// A reader of the output that is gone, or a full disk, is no finding either.
func TestDoctorIsNotRead(t *testing.T) {
	newStation(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"--json"}, {"--schema"}, {}} {
		var errs bytes.Buffer
		if got := program.Run(t.Context(), append([]string{"doctor"}, args...), full, &errs); got != exitFailed || errs.Len() == 0 {
			t.Errorf("%v: exit %d: %s", args, got, errs.String())
		}
	}
}

// TestDoctorPrintsItsSchema: also where settings are bad and there is no home.
func TestDoctorPrintsItsSchema(t *testing.T) {
	w := newStation(t)
	w.Settings(t, "nonsense")
	if err := os.Unsetenv("HOME"); err != nil {
		t.Fatal(err)
	}
	if out, errs := w.cpxAgent(t, exitGood, "doctor", "--schema"); out != string(doctor.Schema()) || errs != "" {
		t.Errorf("%.200s %s", out, errs)
	}
}
