package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// managed is a person at a workstation with a machine policy, in an /etc of its own.
type managed struct {
	*workstation.Person
	t   *testing.T
	etc string
}

const policyFile = "/etc/cpx-bridge/policy.toml"

func newManaged(t *testing.T) *managed {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("an /etc of root's needs root")
	}
	m := &managed{Person: workstation.NewPerson(t, ""), t: t, etc: filepath.Join(t.TempDir(), "etc")}
	m.Settings(t, "lang = \"fr\"\n")
	if out, err := exec.Command("cp", "-a", "/etc", m.etc).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return m
}

// policy writes the machine's policy.
func (m *managed) policy(text string) (file string) {
	m.t.Helper()
	file = filepath.Join(m.etc, "cpx-bridge", "policy.toml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644),
		os.Chmod(filepath.Dir(file), 0o755), os.Chmod(file, 0o644)); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// there has the command run where that /etc is, by another program where one is named.
func (m *managed) there(cmd *exec.Cmd, by ...string) {
	m.t.Helper()
	args := append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$1" /etc && shift && exec "$@"`, "sh", m.etc}, by...)
	cmd.Path, cmd.Args = need.Program(m.t, "unshare"), append(append(args, cmd.Path), cmd.Args[1:]...)
}

func (m *managed) runs(exit int, args ...string) string {
	m.t.Helper()
	return m.ends(exit, nil, args...)
}

func (m *managed) ends(exit int, by []string, args ...string) string {
	m.t.Helper()
	cmd := m.Command(args...)
	m.there(cmd, by...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		m.t.Errorf("%v: exit %d, want %d\n%s", args, got, exit, out)
	}
	return string(out)
}

func (m *managed) findings(exit int, args ...string) map[string]doctor.Finding {
	m.t.Helper()
	text := m.runs(exit, append([]string{"doctor", "--json"}, args...)...)
	var r doctor.Report
	if err := json.Unmarshal(fromBrace(text), &r); err != nil {
		m.t.Fatalf("%v in %s", err, text)
	}
	must(m.t, jsonschema.Check(doctor.Schema(), fromBrace(text)))
	found := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		found[f.Code] = f
	}
	return found
}

// A policy that a person may write is not taken: the agent does not start, doctor says
// so in both languages, and what it advises cures it.
func TestPolicyOfOthers(t *testing.T) {
	m := newManaged(t)
	file := m.policy("[origins]\nmode = \"listed\"\n")
	workstation.Contains(t, m.runs(0, "policy"), `"listed"`)
	if found := m.findings(1); found["settings_taken"].Code == "" {
		t.Errorf("%+v", found)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	for lang, said := range map[string]string{"fr": "tout le monde", "en": "by everyone"} {
		workstation.Contains(t, m.runs(2, "policy", "--lang", lang), policyFile, said, "666", "chmod go-w "+policyFile)
		workstation.Contains(t, m.runs(1, "doctor", "--lang", lang), policyFile, said, "chmod go-w "+policyFile)
		f := m.findings(1, "--lang", lang)["settings_untrusted"]
		if f.Outcome != doctor.Problem || f.Subject != policyFile || !strings.Contains(f.Text, said) || !strings.HasSuffix(f.Next, "chmod go-w "+policyFile) {
			t.Errorf("%s: %+v", lang, f)
		}
	}
	workstation.Contains(t, m.runs(2, "run", "--no-tray"), policyFile, "chmod go-w "+policyFile)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	workstation.Contains(t, m.runs(0, "policy"), `"listed"`)

	// In a container that does not have the machine's root, nobody can tell whose it is.
	workstation.Contains(t, m.ends(1, []string{"unshare", "--user"}, "doctor", "--lang", "fr"), "conteneur", "65534")
}

// opened is a copy of a file, in a folder that everyone may write.
func opened(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "opened")
	dst := filepath.Join(folder, filepath.Base(file))
	if err := errors.Join(os.Mkdir(folder, 0o755), os.Chmod(folder, 0o777), os.WriteFile(dst, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dst
}

// A module that the policy names and that others may write is not loaded, and the others
// serve. One that a person names is loaded, and reported.
func TestModuleOfOthers(t *testing.T) {
	m := newManaged(t)
	bad := opened(t, m.Module)
	m.policy("modules = [\"" + bad + "\", \"" + m.Module + "\"]\n")
	for lang, said := range map[string]string{"fr": "tout le monde", "en": "by everyone"} {
		found := m.findings(1, "--lang", lang)
		f := found["module_untrusted_owner"]
		if f.Outcome != doctor.Problem || f.Subject != bad || !strings.Contains(f.Text, said) || !strings.HasSuffix(f.Next, "chmod go-w "+filepath.Dir(bad)) {
			t.Errorf("%s: %+v", lang, f)
		}
		if found["module_works"].Subject != m.Module || found["card_usable"].Code == "" {
			t.Errorf("%s: the other module: %+v", lang, found)
		}
	}
	workstation.Contains(t, m.runs(0, "certs", "--json"), `"untrusted_owner"`, `"usable": true`)
	m.policy("modules = [\"" + bad + "\"]\n")
	workstation.Contains(t, m.runs(1, "certs", "--lang", "fr"), "n’est pas chargé, car il n’est pas protégé")

	if err := os.Remove(m.policy("")); err != nil {
		t.Fatal(err)
	}
	m.Settings(t, "modules = [%q]\n[ports]\nfirst = %d\n", bad, workstation.FreePorts(t, 10))
	if err := os.Chmod(m.Config, 0o660); err != nil {
		t.Fatal(err)
	}
	found := m.findings(1)
	if f := found["module_writable"]; f.Outcome != doctor.Notice || f.Subject != bad || found["module_works"].Subject != bad {
		t.Errorf("%+v", found)
	}
	// An inventory runs as root, who would be whoever may write the module.
	everybodys := m.findings(1, "--scope", "machine", "--lang", "en")
	if f := everybodys["module_untrusted_owner"]; f.Outcome != doctor.Problem || f.Subject != bad || !strings.Contains(f.Text, "it was not loaded") || everybodys["module_works"].Code != "" {
		t.Errorf("%+v", everybodys)
	}
	if f := found["settings_writable"]; f.Outcome != doctor.Notice || !strings.HasSuffix(f.Next, "chmod go-w "+m.Config) {
		t.Errorf("%+v", f)
	}
	await := m.StartsAs(func(cmd *exec.Cmd) { m.there(cmd) })
	await("others may change the person's settings.*" + m.Config)
	await("others may change what runs.*setting=modules.*" + bad)
	await("msg=\"module opened\".*" + bad)
}

// A module that the policy names and that does not exist is said to be missing, also
// where others may put one there: to mend who may would cure nothing. What they put there
// is refused as theirs.
func TestMissingModuleOfOthers(t *testing.T) {
	m := newManaged(t)
	bad := opened(t, m.Module)
	away := filepath.Join(t.TempDir(), "away.so")
	if err := os.Rename(bad, away); err != nil {
		t.Fatal(err)
	}
	m.policy("modules = [\"" + bad + "\"]\n")
	for lang, said := range map[string]string{"fr": "n’existe pas", "en": "does not exist"} {
		found := m.findings(1, "--lang", lang)
		f := found["module_failed"]
		if f.Subject != bad || !strings.Contains(f.Text, said) || strings.Contains(f.Text+f.Next, "chmod") || found["module_untrusted_owner"].Code != "" {
			t.Errorf("%s: %+v", lang, found)
		}
	}
	if said := m.runs(1, "certs", "--lang", "fr"); !strings.Contains(said, "n’existe pas") || strings.Contains(said, "protégé") {
		t.Error(said)
	}
	if err := os.Rename(away, bad); err != nil {
		t.Fatal(err)
	}
	if found := m.findings(1); found["module_untrusted_owner"].Subject != bad {
		t.Errorf("when it is there: %+v", found)
	}
	if err := errors.Join(os.Rename(bad, away), os.Remove(m.policy(""))); err != nil {
		t.Fatal(err)
	}
	m.Settings(t, "modules = [%q]\n", bad)
	if found := m.findings(1); found["module_failed"].Subject != bad || found["module_writable"].Code != "" {
		t.Errorf("a person's: %+v", found)
	}
}

// The same with the program that asks for the PIN.
func TestPinentryOfOthers(t *testing.T) {
	m := newManaged(t)
	program := opened(t, need.Program(t, "true"))
	m.policy("pinentry = \"" + program + "\"\n")
	f := m.findings(1)["dialog_program_untrusted"]
	if f.Outcome != doctor.Problem || f.Subject != program || !strings.HasSuffix(f.Next, "chmod go-w "+filepath.Dir(program)) {
		t.Errorf("%+v", f)
	}
	if err := os.Remove(m.policy("")); err != nil {
		t.Fatal(err)
	}
	m.Settings(t, "pinentry = %q\n", program)
	if f := m.findings(1)["dialog_program_writable"]; f.Outcome != doctor.Notice || f.Subject != program {
		t.Errorf("%+v", f)
	}
}
