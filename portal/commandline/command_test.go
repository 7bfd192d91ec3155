package commandline

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// settingsFile writes a valid settings file that begins with more, and returns its path.
func settingsFile(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"root.pem": asPEM(pki.Root.Cert), "intermediate.pem": asPEM(pki.Intermediate.Cert),
		"portal.toml": fmt.Appendf(nil, `%s
origin = "http://localhost:8443"
listen = "127.0.0.1:0"
revocation = "off"
[[trust_group]]
name = "test"
test = true
roots = ["root.pem"]
intermediates = ["intermediate.pem"]
`, more),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "portal.toml")
}

func asPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func run(t *testing.T, args []string, stdin string, stdout, stderr *bytes.Buffer) int {
	t.Helper()
	return Program{Version: "dev"}.Run(t.Context(), args, strings.NewReader(stdin), stdout, stderr)
}

// cpxPortal runs the command and returns what it printed on standard error.
func cpxPortal(t *testing.T, want int, stdin string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t, args, stdin, &out, &errs); got != want {
		t.Fatalf("cpx-portal %v: exit %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return errs.String()
}

func TestUserAdd(t *testing.T) {
	config := settingsFile(t, "")
	add := func(want int, password, name, service string) string {
		return cpxPortal(t, want, password+"\n", "user", "add", "--config", config,
			"--name", name, "--display", "TEST Personne", "--service", service)
	}
	add(0, "a long TEST password", "test.personne", "SERVICE TEST")
	var said, errs bytes.Buffer
	args := []string{"user", "add", "--config", config, "--name", "test.seconde", "--display", "TEST Seconde", "--service", "SERVICE TEST"}
	if got := run(t, args, "a long TEST password\n", &said, &errs); got != 0 || said.String() != "The account \"test.seconde\" can log in.\n" {
		t.Errorf("exit %d, %q %s", got, said.String(), errs.String())
	}
	for _, c := range [][4]string{
		{"a long TEST password", "test.personne", "SERVICE TEST", "exists"}, // twice
		{"a long TEST password", "TEST.Personne", "SERVICE TEST", "exists"}, // the same name to a person
		{"short", "test.other", "SERVICE TEST", "password"},
		{"", "test.other", "SERVICE TEST", "password"},
		{"a long TEST password", "", "SERVICE TEST", "name"},
		{"a long TEST password", "test.other", "", "service"},
	} {
		if says := add(1, c[0], c[1], c[2]); !strings.Contains(says, c[3]) || strings.Contains(says, "long TEST") {
			t.Errorf("%q: %s", c, says)
		}
	}
}

func TestMisuse(t *testing.T) {
	for _, c := range []struct {
		exit int
		args []string
		says string
	}{
		{2, nil, "cpx-portal: a command is missing\n"},
		{2, []string{"usr", "list", "--config", "x"}, `cpx-portal: unknown command "usr"`},
		{2, []string{"user", "lst", "--config", "x"}, `cpx-portal: user: unknown command "lst"`},
		{2, []string{"trust", "ad", "--config=x", "y.pem"}, `cpx-portal: trust: unknown command "ad"`},
		{2, []string{"--config", "x", "serve"}, "cpx-portal: "},
		{2, []string{"fly"}, `unknown command "fly"`},
		{2, []string{"user"}, "cpx-portal: user: a command is missing\n"},
		{2, []string{"user", "fly"}, `unknown command "fly"`},
		{2, []string{"serve"}, "--config is missing"},
		{2, []string{"serve", "--config", "x", "more"}, `unexpected "more"`},
		{2, []string{"serve", "--name", "x"}, "name"},
		{2, []string{"serve", "--config", "/nowhere/portal.toml"}, "/nowhere/portal.toml"},
		{2, []string{"serve", "--config", settingsFile(t, "colour = 1")}, "portal.toml:1: colour"},
		{2, []string{"serve", "--config", settingsFile(t, "name = 1")}, "portal.toml:1: name"},
		{0, []string{"version"}, ""},
		{0, []string{"--version"}, ""},
		{0, []string{"help"}, ""},
	} {
		if says := cpxPortal(t, c.exit, "", c.args...); !strings.Contains(says, c.says) {
			t.Errorf("%v: %s", c.args, says)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, asked := range []string{"version", "--version"} {
		var said bytes.Buffer
		if got := run(t, []string{asked}, "", &said, &said); got != 0 || said.String() != "cpx-portal dev\n" {
			t.Errorf("%s: exit %d, %q", asked, got, said.String())
		}
	}
}

// TestSettingsAsEditorsSaveThem: a byte order mark is read past, also in the files of
// certificates; UTF-16 is told by name and with the way out.
func TestSettingsAsEditorsSaveThem(t *testing.T) {
	config := settingsFile(t, "")
	rewrite := func(name string, change func(text []byte) []byte) {
		t.Helper()
		path := filepath.Join(filepath.Dir(config), name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mark := func(text []byte) []byte { return append([]byte("\ufeff"), text...) }
	in16 := func(text []byte) []byte {
		b := []byte("\xff\xfe")
		for _, c := range text {
			b = append(b, c, 0)
		}
		return b
	}
	rewrite("portal.toml", mark)
	rewrite("root.pem", mark)
	rewrite("intermediate.pem", mark)
	add := []string{"user", "add", "--config", config, "--name", "dr.a", "--display", "Dr A TEST", "--service", "TEST"}
	cpxPortal(t, 0, "a password of some length\n", add...)

	rewrite("root.pem", in16)
	if errs := cpxPortal(t, 2, "", "serve", "--config", config); !strings.Contains(errs, "root.pem is saved as UTF-16: save it as UTF-8") {
		t.Error(errs)
	}
	rewrite("portal.toml", in16)
	if errs := cpxPortal(t, 2, "", add...); !strings.Contains(errs, "portal.toml: this file is saved as UTF-16") || !strings.Contains(errs, "save it as UTF-8") {
		t.Error(errs)
	}
}
