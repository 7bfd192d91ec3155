package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// autopin is the scripted pinentry's program. It is built once, for tests that need it:
// where the tests run in wine there is no compiler, and the variable names one that was
// built before.
var autopin = sync.OnceValues(func() ([]byte, error) {
	if built := os.Getenv("CPX_TEST_AUTOPIN"); built != "" {
		return os.ReadFile(built)
	}
	dir, err := os.MkdirTemp("", "prompt")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built := filepath.Join(dir, autopinName)
	if out, err := exec.Command("go", "build", "-o", built, "../../internal/lab/autopin").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("autopin: %w\n%s", err, out)
	}
	return os.ReadFile(built)
})

const autopinName = "autopin.exe" // Windows starts nothing without that ending

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
	return m.Run()
}

// answering makes a Pinentry that answers as its script says, and a function that
// reads the commands that its dialogs received.
func answering(t *testing.T, script map[string]any) (*Pinentry, func() string) {
	t.Helper()
	dir := t.TempDir()
	program, log := filepath.Join(dir, autopinName), filepath.Join(dir, "log")
	binary, err := autopin()
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

var (
	site  = Caller{Origin: "https://portail.example.fr", Program: "firefox-esr"}
	gp    = Holder{Name: "Dr TEST Camille DÉMONSTRATION", Identifier: "810000000005", Profession: "Médecin", Kind: "CPS"}
	nurse = Holder{Name: "TEST Dominique ÉPREUVE", Identifier: "810000000013", Profession: "Infirmier", Kind: "CPE"}
)
