package powershell

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/docs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

const root = "../../.."

// grammar is a folder with the grammar in it, downloaded once.
func grammar(t *testing.T) string {
	t.Helper()
	npm := need.Program(t, "npm")
	files, err := fs.Sub(Files, "grammar")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, name := range []string{"package-lock.json", "parse.mjs"} {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(text)
	}
	build, err := filepath.Abs(filepath.Join(root, "build"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(build, fmt.Sprintf("powershell-%x", sum.Sum(nil))) // after a change there is another
	err = winetest.Once(installed, func(dir string) error {
		if err := os.CopyFS(dir, files); err != nil {
			return err
		}
		cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return installed
}

func read(t *testing.T, folder, script string) Script {
	t.Helper()
	s, err := Read(t.Context(), folder, script)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDetectionScript: the documents' script for Intune can be read, asks for the machine alone,
// ends with 0 or 1 alone, and prints no more than Intune keeps; nothing in it needs another
// character set, or a PowerShell that is not Windows's own.
func TestDetectionScript(t *testing.T) {
	all, err := docs.Fenced(filepath.Join(root, "docs", "administrators.md"), "powershell")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s string) bool { return strings.Contains(s, "$agent doctor") })
	if i < 0 {
		t.Fatal("docs/administrators.md has no such script")
	}
	script, folder := all[i], grammar(t)
	s := read(t, folder, script)
	if len(s.Wrong) > 0 {
		t.Errorf("%q", s.Wrong)
	}
	if !slices.Contains(s.Commands, "& $agent doctor --json --lang en --scope machine") {
		t.Errorf("%q", s.Commands)
	}
	for _, command := range s.Commands { // those of Windows PowerShell 5.1
		name, _, _ := strings.Cut(command, " ")
		if !slices.Contains([]string{"&", "ConvertFrom-Json", "ForEach-Object", "Join-Path", "Select-Object", "Test-Path", "Where-Object", "Write-Output"}, name) {
			t.Errorf("%s: is that in Windows PowerShell 5.1?", command)
		}
	}
	if i := strings.IndexFunc(script, func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("not in ASCII: %q", script[i:])
	}
	for _, operator := range []string{"&&", "||", "??", "?."} { // of PowerShell 7
		if strings.Contains(script, operator) {
			t.Errorf("%s is not in Windows PowerShell 5.1", operator)
		}
	}
	if ends := regexp.MustCompile(`(?m)^\s*exit (\S+)$`).FindAllString(script, -1); len(ends) != 3 || !strings.HasSuffix(script, "\nexit $status\n") {
		t.Errorf("it ends by %q", ends)
	}
	for _, part := range []string{"$env:ProgramW6432", "$env:ProgramFiles", "${env:ProgramFiles(x86)}", `'CPx Bridge\cpx-agent.exe'`, "-ne 0 -and $status -ne 1", "2048"} {
		if !strings.Contains(script, part) {
			t.Errorf("it lacks %s", part)
		}
	}
}

// TestWrong: the grammar finds what PowerShell would not read.
func TestWrong(t *testing.T) {
	folder := grammar(t)
	const good = "if (-not $a) {\n    Write-Output \"a $($b -join ' ')\"\n    exit 1\n}\n"
	if s := read(t, folder, good); len(s.Wrong) > 0 {
		t.Errorf("%q", s.Wrong)
	}
	for _, change := range [][2]string{{"$a)", "$a"}, {"{\n", "(\n"}, {"' ')", "' '"}, {"exit 1\n}", "exit 1\n"}, {"exit 1", "exit )"}} {
		if s := read(t, folder, strings.Replace(good, change[0], change[1], 1)); len(s.Wrong) == 0 {
			t.Errorf("%q for %q is read", change[1], change[0])
		}
	}
}
