package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/docs"
)

// parts stand for what builds: the order of scripts/dist, what becomes of what was there and
// of signatures is tried with them, in a moment.
var parts = map[string]string{
	"scripts/linux":          `mkdir -p "$1"; for p in agent portal card; do cp /bin/true "$1/cpx-$p"; done`,
	"scripts/windows":        `mkdir -p "$1/386"; for p in "$1"/cpx-agent.exe "$1"/386/cpx-agentw.exe; do cp "$TEST_PROGRAM" "$p"; done`,
	"scripts/msi":            `cp "$TEST_INSTALLER" "$2/cpx-bridge-$CPX_VERSION-x64.msi"; cp "$1/cpx-agent.exe" "$2/packed.exe.copy"`,
	"scripts/linux-packages": `echo deb >"$2/cpx.deb"`,
	"bin/go": `if [ "$1" = env ]; then echo go1.99; exit; fi
case "$GOFLAGS$CGO_CFLAGS" in *vendor* | *TEST*) echo "settings of who builds: $GOFLAGS" >&2; exit 1 ;; esac
out=; for word in "$@"; do [ "$last" != -out ] || out=$word; last=$word; done
mkdir -p "$out/admx"; echo "$2" >"$out/admx/made by ${2##*/}"`,
}

// tree is a source with the real scripts dist, sign and version among these.
func tree(t *testing.T, s signers) (root string, env []string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "TEST source")
	write := func(name, text string) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"scripts/dist", "scripts/sign", "scripts/version"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(text))
	}
	write("VERSION", "1.2.3\n")
	write("go.mod", "toolchain go1.99.1\n")
	write(archivedFile, archivedText)
	for name, body := range parts {
		write(name, "#!/bin/bash\nset -e\n"+body+"\n")
	}
	return root, append(clean(), "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"), "TEST_PROGRAM="+s.program(t), "TEST_INSTALLER="+s.installer(t),
		"CPX_VERSION=", "GOFLAGS=-mod=vendor", "CGO_CFLAGS=-DTEST")
}

func dist(t *testing.T, root string, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "dist"), args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// all are the files of a folder with their bytes.
func all(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func same(a, b map[string]string) bool {
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestDistSigned: programs are signed before they are packed, packages before they are summed
// up, and the sums last.
func TestDistSigned(t *testing.T) {
	s := newSigners(t)
	root, env := tree(t, s)
	env = append(env, append(s.env, "CPX_SIGN_TSA_CERT="+s.path("tsa.pem"), "CPX_SIGN_TSA_KEY="+s.path("tsa.key"))...)
	if out, status := dist(t, root, env); status != 0 {
		t.Fatalf("status %d: %s", status, out)
	}
	made := filepath.Join(root, "dist")
	for _, file := range []string{"cpx-bridge-1.2.3-dev-x64.msi", "packed.exe.copy"} {
		if out, good := s.verified(t, filepath.Join(made, file), 0); !good {
			t.Errorf("%s: %s", file, out)
		}
	}
	verifiable(t, s, made)
	listed := all(t, made)
	if n := strings.Count(listed[sums], "\n"); n != len(listed)-2 { // itself and its signature
		t.Errorf("%d sums of %d files", n, len(listed))
	}
}

// verifiable types what the document says about whether a release is genuine, with all that is
// there and with one file of it, and with one that was changed.
func verifiable(t *testing.T, s signers, made string) {
	t.Helper()
	blocks, err := docs.Blocks(filepath.Join(root, "docs", "release.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := "set -e\n" + strings.ReplaceAll(blocks[0].Script, "VERSION", "1.2.3-dev")
	if !strings.Contains(script, "sha256sum --check") || !strings.Contains(script, "openssl cms") || !strings.Contains(script, "osslsigncode") {
		t.Fatalf("docs/release.md begins with %s", script)
	}
	const one = "cpx-bridge-1.2.3-dev-x64.msi"
	for name, c := range map[string]struct {
		files  []string
		change string
		good   bool
	}{
		"one file": {[]string{one}, "", true}, "two": {[]string{one, "cpx.deb"}, "", true}, "changed": {[]string{one, "cpx.deb"}, "cpx.deb", false},
		"changed sums": {[]string{one}, sums, false}, "another signature": {[]string{one}, signature, false}, "a changed package": {[]string{one}, one, false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), text(t, s.path("root.pem")), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, file := range append(c.files, sums, signature) {
			content := text(t, filepath.Join(made, file))
			if file == c.change {
				content[len(content)/2] ^= 1
			}
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Dir, cmd.Env = dir, clean()
		if out, err := cmd.CombinedOutput(); (err == nil) != c.good {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestDistFails: what cannot be signed ends it, and the release of before is as it was.
func TestDistFails(t *testing.T) {
	s := newSigners(t)
	root, env := tree(t, s)
	if out, status := dist(t, root, env); status != 0 || !strings.Contains(out, "NOT SIGNED") {
		t.Fatalf("not signed: status %d: %s", status, out)
	}
	before := all(t, filepath.Join(root, "dist"))
	if before[sums] == "" || before[signature] != "" {
		t.Errorf("not signed: %v", before[sums])
	}
	real := "unset CPX_SIGN; " + strings.Join(append(s.env, "CPX_SIGN_TSA_CERT="+s.path("tsa.pem"), "CPX_SIGN_TSA_KEY="+s.path("tsa.key")), " ") + ` scripts/sign "$@" || exit`
	for name, c := range map[string]struct{ body, says string }{
		"no programs are signed":  {"exit 3", "ended with status 3"},
		"no packages are signed":  {`case "$2" in *.msi) exit 4 ;; esac; ` + real, "ended with status 4"},
		"packages are left":       {`case "$2" in *.msi) exit 0 ;; esac; ` + real, "-x64.msi has no signature"},
		"no sums are signed":      {`[ "$1" != detached ] || exit 5; ` + real, "ended with status 5"},
		"sums are left":           {`[ "$1" != detached ] || exit 0; ` + real, "there is no signature"},
		"sums are changed":        {real + `; [ "$1" != detached ] || echo >>"$2"`, "is no good signature"},
		"a file is changed at it": {real + `; [ "$1" != detached ] || echo >>"$(dirname "$2")/cpx.deb"`, "cpx.deb: FAILED"},
	} {
		plugin := s.path("plugin")
		if err := os.WriteFile(plugin, []byte("#!/bin/bash\n"+c.body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		out, status := dist(t, root, append(env, "CPX_SIGN="+plugin))
		if status == 0 || !strings.Contains(out, c.says) {
			t.Errorf("%s: status %d, want %q: %s", name, status, c.says, out)
		}
		if !same(all(t, filepath.Join(root, "dist")), before) {
			t.Fatalf("%s: the release of before is not as it was", name)
		}
		if remains, err := filepath.Glob(filepath.Join(root, "build", "dist.*")); err != nil || len(remains) > 0 {
			t.Errorf("%s: %v is still there, %v", name, remains, err)
		}
	}
}

// TestDistFolder: a folder that is no release is not replaced, one that is, is.
func TestDistFolder(t *testing.T) {
	s := newSigners(t)
	root, env := tree(t, s)
	home := filepath.Join(t.TempDir(), "a home")
	if err := errors.Join(os.Mkdir(home, 0o700), os.WriteFile(filepath.Join(home, "letter"), []byte("TEST"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, status := dist(t, root, env, home); status != 1 || !strings.Contains(out, "is no release") || len(all(t, home)) != 1 {
		t.Errorf("status %d: %s", status, out)
	}
	// Another's download has such a file too.
	others := filepath.Join(home, sums)
	if err := os.WriteFile(others, []byte(strings.Repeat("0", 64)+"  letter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := dist(t, root, env, home); status != 1 || !strings.Contains(out, "is no release") || len(all(t, home)) != 2 {
		t.Errorf("another's sums: status %d: %s", status, out)
	}
	if err := errors.Join(os.Remove(filepath.Join(home, "letter")), os.Remove(others)); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"empty", "an older release"} {
		if out, status := dist(t, root, env, home); status != 0 || all(t, home)[sums] == "" {
			t.Errorf("%s: status %d: %s", state, status, out)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "letter"), []byte("TEST"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := dist(t, root, env, home); status != 1 || !strings.Contains(out, "holds more") || all(t, home)["letter"] == "" {
		t.Errorf("more than a release: status %d: %s", status, out)
	}
}
