package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

const root = "../.."

var (
	when    = time.Unix(1700000000, 0).UTC()
	version = versions{semver: "9.8.7-dev+0123", packages: "9.8.7~dev+0123", registry: "9.8.7-dev.g0123"}
)

func text(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// do runs a program in a folder with more in its environment, and returns what it said.
func do(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// copied is a copy of the source: what git knows, or what an archive has.
func copied(t *testing.T) string {
	t.Helper()
	files, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		path := filepath.Join(dir, f.Path())
		if err := errors.Join(err, r.Close(), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestNpmVersion: a package.json that does not bear one version is refused.
func TestNpmVersion(t *testing.T) {
	for _, about := range []string{`{"version":"1.0.0"}`, `{"name": "x"}`, `{`, `{"version": "1.0.0", "x": {"version": "1.0.0"}}`} {
		if _, err := withVersion([]byte(about), "2.0.0"); err == nil {
			t.Errorf("%s", about)
		}
	}
	if got, err := withVersion([]byte("{\n  \"version\": \"1.0.0\"\n}\n"), "2.0.0"); err != nil || string(got) != "{\n  \"version\": \"2.0.0\"\n}\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestGoModule: the module is the one that the go command itself makes of the tag, also
// where it is packed from an archive that git made; a portal is built against it without a
// network.
func TestGoModule(t *testing.T) {
	need.Program(t, "git")
	tagged := versions{registry: "0.9.9"}
	clone := copied(t)
	git := func(args ...string) {
		do(t, clone, []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null"}, append([]string{"git", "-c", "user.name=TEST", "-c", "user.email=test@example.org"}, args...)...)
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "All of it")
	git("tag", "v0.9.9")
	if err := errors.Join(os.MkdirAll(filepath.Join(clone, "build"), 0o755), os.WriteFile(filepath.Join(clone, "build", "left"), []byte("TEST"), 0o600)); err != nil {
		t.Fatal(err)
	}
	served, archive, second := t.TempDir(), t.TempDir(), t.TempDir()
	if err := goModule(clone, served, tagged, when); err != nil {
		t.Fatal(err)
	}
	git("archive", "-o", filepath.Join(archive, "a.tar"), "v0.9.9")
	do(t, archive, nil, "tar", "-xf", "a.tar")
	if err := errors.Join(os.Remove(filepath.Join(archive, "a.tar")), os.MkdirAll(filepath.Join(archive, "dist"), 0o755), os.WriteFile(filepath.Join(archive, "dist", "left"), []byte("TEST"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := goModule(archive, second, tagged, when); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(served, module, "@v", "v0.9.9.zip")
	if !bytes.Equal(text(t, packed), text(t, filepath.Join(second, module, "@v", "v0.9.9.zip"))) {
		t.Error("an archive of the tag gives other bytes")
	}
	sum, err := dirhash.HashZip(packed, dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	// What the go command fetches from the repository itself, which is on this machine.
	direct := do(t, t.TempDir(), []string{"GOPROXY=direct", "GONOSUMDB=*", "GOFLAGS=-modcacherw", "GOMODCACHE=" + t.TempDir(), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=url.file://" + clone + ".insteadOf", "GIT_CONFIG_VALUE_0=https://" + module,
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*"}, "go", "mod", "download", "-json", module+"@v0.9.9")
	var fetched struct{ Sum, GoModSum string }
	if err := json.Unmarshal([]byte(direct[strings.Index(direct, "{"):]), &fetched); err != nil || fetched.Sum != sum {
		t.Errorf("the go command has %q (%v), the release %q", fetched.Sum, err, sum)
	}
	consumed(t, served)
}

// consumed builds the example of a portal against the module, as docs/portal-developers.md
// says: without a network, and without this repository.
func consumed(t *testing.T, proxy string) {
	t.Helper()
	portal := t.TempDir()
	if err := os.CopyFS(portal, os.DirFS(filepath.Join(root, "examples", "relying-party"))); err != nil {
		t.Fatal(err)
	}
	env := []string{"GOPROXY=file://" + proxy, "GONOSUMDB=" + module, "GOFLAGS=-modcacherw", "GOMODCACHE=" + t.TempDir(), "GOTOOLCHAIN=local"}
	do(t, portal, env, "go", "mod", "edit", "-dropreplace", module, "-droprequire", module)
	do(t, portal, env, "go", "get", module+"@v0.9.9")
	do(t, portal, env, "go", "build", "-o", "portal", ".")
	if got := do(t, portal, env, "go", "list", "-m", "-versions", module); strings.TrimSpace(got) != module+" v0.9.9" {
		t.Errorf("%q", got)
	}
}

// TestPortalArchive: the same contents and time give the same bytes; all is root's, dated
// alike, below one folder, and readable by everyone.
func TestPortalArchive(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cpx-portal", "cpx-card", "licences"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("TEST "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var archives [2][]byte
	for i := range archives {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := portalArchive(root, dir, filepath.Join(dir, "licences"), path, version, when); err != nil {
			t.Fatal(err)
		}
		archives[i] = text(t, path)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("twice, and not the same bytes")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archives[0]))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name, below := strings.CutPrefix(h.Name, "cpx-bridge-portal-9.8.7-dev+0123/")
		mode := map[bool]int64{true: 0o755, false: 0o644}[h.Typeflag == tar.TypeDir || name == "cpx-portal" || name == "cpx-card"]
		if !below || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(when) || h.Mode != mode || h.Typeflag != tar.TypeDir && h.Size == 0 {
			t.Errorf("%+v", h)
		}
		names = append(names, name)
	}
	for _, want := range []string{"cpx-portal", "cpx-card", "README.txt", "LICENSE", "LICENSES.txt", "CHANGELOG.md", "docs/portal-developers.md", "docs/portal-hardening.md", "packaging/portal/cpx-portal.service", "portal/settings/sample.toml", "js/dist/button.mjs", "docs/token.md", "authtoken/testdata/vectors/vectors.json", "examples/node-verifier/verify.mjs"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
}

// TestManifest: a release holds the files of the list, none is missing, more or empty.
func TestManifest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range manifest[:len(manifest)-2] { // sums and signature are made after it
		write(version.named(f.path), "TEST")
	}
	if err := check(dir, version); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, content, says string }{
		{"more.txt", "TEST", "more.txt is not in the manifest"}, {"LICENSES.txt", "", "LICENSES.txt is empty"},
		{"cpx-bridge_9.8.8_amd64.deb", "TEST", "cpx-bridge_9.8.8_amd64.deb is not in the manifest"},
	} {
		write(c.name, c.content)
		if err := check(dir, version); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := os.Remove(filepath.Join(dir, c.name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(dir, version); err == nil || !strings.Contains(err.Error(), "LICENSES.txt is missing") {
		t.Errorf("%v", err)
	}
}

// TestReadme: the list in the release names each of its files.
func TestReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.txt")
	if err := readme(path, version); err != nil {
		t.Fatal(err)
	}
	for _, f := range manifest {
		if !strings.Contains(string(text(t, path)), "\n"+version.named(f.path)+"\n    "+f.what+"\n") {
			t.Errorf("%s is missing", f.path)
		}
	}
}

// TestDocument: the document's table is the list.
func TestDocument(t *testing.T) {
	var want strings.Builder
	for _, f := range manifest {
		fmt.Fprintf(&want, "| `%s` | %s |\n", strings.NewReplacer("{version}", "VERSION", "{package}", "VERSION", "{registry}", "VERSION").Replace(f.path), f.what)
	}
	if !strings.Contains(string(text(t, filepath.Join(root, "docs", "release.md"))), want.String()) {
		t.Errorf("docs/release.md has not this table:\n%s", want.String())
	}
}
