package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// autopinBuilt is the path of the scripted pinentry, built once for all tests.
var autopinBuilt string

func TestMain(m *testing.M) {
	if os.Getenv(terminalHelper) != "" {
		os.Exit(askOnTerminal())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// A terminal of the tester's must not change the results.
	null, err := os.Open(os.DevNull)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Stdin = null
	dir, err := os.MkdirTemp("", "prompt")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	autopinBuilt = filepath.Join(dir, "autopin")
	if runtime.GOOS == "windows" {
		autopinBuilt += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", autopinBuilt, "../../internal/lab/autopin").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "autopin: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// answering makes a Pinentry that answers as its script says, and a function that
// reads the commands that its dialogs received.
func answering(t *testing.T, script map[string]any) (*Pinentry, func() string) {
	t.Helper()
	dir := t.TempDir()
	program, log := filepath.Join(dir, filepath.Base(autopinBuilt)), filepath.Join(dir, "log")
	binary, err := os.ReadFile(autopinBuilt)
	if err != nil {
		t.Fatal(err)
	}
	script["log"] = log
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, binary, 0o700), os.WriteFile(program+".json", text, 0o600)); err != nil {
		t.Fatal(err)
	}
	return NewPinentry(PinentryOptions{Program: program}), func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), "%0A", "\n")
	}
}

func needs(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: install the package %s", program, pkg)
	}
	return path
}

var (
	site  = Caller{Origin: "https://portail.example.fr", Program: "firefox-esr"}
	gp    = Holder{Name: "Dr TEST Camille DÉMONSTRATION", Identifier: "810000000005", Profession: "Médecin", Kind: "CPS"}
	nurse = Holder{Name: "TEST Dominique ÉPREUVE", Identifier: "810000000013", Profession: "Infirmier", Kind: "CPE"}
)
