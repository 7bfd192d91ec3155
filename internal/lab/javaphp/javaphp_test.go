package javaphp

import (
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/docs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

const root = "../../.."

// fields are what an example reads of a certificate, in the order in which the two programs of
// testdata write them.
var fields = [...]string{"identifier", "surname", "given name", "profession", "structure", "number of the structure", "pseudonym"}

// TestJava, with the JDK alone.
func TestJava(t *testing.T) {
	javac, java := need.Program(t, "javac"), need.Program(t, "java")
	classes := t.TempDir()
	compile := exec.CommandContext(t.Context(), javac, "-Xlint:all", "-Werror", "--release", "11", "-encoding", "UTF-8", "-d", classes,
		filepath.Join(root, "examples", "java", "CardHolder.java"), filepath.Join("testdata", "Subjects.java"))
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	compare(t, exec.CommandContext(t.Context(), java, "-cp", classes, "Subjects"))
}

// TestPHP, with PHP's core and its openssl extension.
func TestPHP(t *testing.T) {
	php := need.Program(t, "php")
	compare(t, exec.CommandContext(t.Context(), php, "-d", "error_reporting=-1", "-d", "display_errors=stderr",
		filepath.Join("testdata", "subjects.php"), filepath.Join(root, "examples", "php", "card_holder.php")))
}

// compare gives the program all certificates, and compares what it reads with what cps reads.
func compare(t *testing.T, program *exec.Cmd) {
	t.Helper()
	all := cards(t)
	for name, certificate := range issued(t) {
		all[name] = certificate
	}
	var names []string
	var input strings.Builder
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		input.WriteString(base64.StdEncoding.EncodeToString(all[name].Raw) + "\n")
	}
	var errors strings.Builder
	program.Stdin, program.Stderr = strings.NewReader(input.String()), &errors
	out, err := program.Output()
	if err != nil || errors.Len() > 0 {
		t.Fatalf("%v\n%s", err, errors.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%d lines for %d certificates\n%s", len(lines), len(names), out)
	}
	for i, name := range names {
		compareOne(t, name, all[name], strings.Split(lines[i], ","))
	}
}

func compareOne(t *testing.T, name string, certificate *x509.Certificate, got []string) {
	t.Helper()
	if len(got) != len(fields) {
		t.Fatalf("%s: %q", name, got)
	}
	p := cps.Parse(certificate, cps.DefaultRules())
	for i, want := range []string{p.Identifier, p.Surname, p.GivenName, p.Profession, p.Structure, p.StructureID, p.Pseudonym} {
		text := ""
		if got[i] != "-" {
			decoded, err := base64.StdEncoding.DecodeString(got[i])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text = string(decoded)
		}
		if text != want {
			t.Errorf("%s: %s is %.200q, and cps reads %.200q", name, fields[i], text, want)
		}
	}
}

// TestDocument: what readers copy from the document is what the tests run, and the file for .NET.
func TestDocument(t *testing.T) {
	for language, file := range map[string]string{"java": "java/CardHolder.java", "php": "php/card_holder.php", "csharp": "dotnet/CardHolder.cs"} {
		blocks, err := docs.Fenced(filepath.Join(root, "docs", "portal-developers.md"), language)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(root, "examples", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks) != 1 || blocks[0] != string(text) {
			t.Errorf("docs/portal-developers.md has %d blocks in %s, of which one should be examples/%s", len(blocks), language, file)
		}
	}
}
