package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestNpmPackage: the same source gives the same bytes, whatever modes, times and settings
// whoever builds has; in an empty project, without a network, it is installed and imported,
// and its types are checked.
func TestNpmPackage(t *testing.T) {
	need.Program(t, "npm")
	one, two, tight := t.TempDir(), t.TempDir(), t.TempDir()
	if err := npmPackage(root, one, version); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(tight, "js"), os.DirFS(filepath.Join(root, "js"))); err != nil {
		t.Fatal(err)
	}
	do(t, tight, nil, "chmod", "-R", "go=,u+x", ".") // as a clone under umask 077 is, and more
	t.Setenv("npm_config_umask", "077")
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("npm_config_sign_git_tag", "true")
	was := syscall.Umask(0o077)
	err := npmPackage(tight, two, version)
	syscall.Umask(was)
	if err != nil {
		t.Fatal(err)
	}
	name := "cpx-bridge-9.8.7-dev.g0123.tgz"
	if !bytes.Equal(text(t, filepath.Join(one, name)), text(t, filepath.Join(two, name))) {
		t.Error("twice, and not the same bytes")
	}
	for _, line := range strings.Split(strings.TrimSpace(do(t, one, nil, "tar", "-tvzf", name)), "\n") {
		if !strings.HasPrefix(line, "-rw-r--r-- 0/0 ") {
			t.Errorf("%s", line)
		}
	}
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "package.json"), []byte(`{"name": "test", "private": true, "type": "module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	offline := []string{"npm_config_cache=" + t.TempDir(), "npm_config_update_notifier=false", "npm_config_umask=022"}
	do(t, project, offline, "npm", "install", "--offline", "--no-audit", "--no-fund", filepath.Join(one, name))
	do(t, project, nil, "node", "--input-type=module", "-e", `
		import { authenticate } from "cpx-bridge";
		import about from "cpx-bridge/package.json" with { type: "json" };
		if (typeof authenticate !== "function" || about.version !== "9.8.7-dev.g0123") process.exit(3);`)
	source := `import { authenticate } from "cpx-bridge"; const answer: { next: string } = await authenticate({ challengeUrl: "/c", loginUrl: "/l" }); export { answer };`
	if err := os.WriteFile(filepath.Join(project, "page.mts"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, project, nil, typescript(t), "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "page.mts")
	wrong := strings.Replace(source, "challengeUrl", "challengeURL", 1)
	if err := os.WriteFile(filepath.Join(project, "page.mts"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), typescript(t), "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "page.mts")
	cmd.Dir = project
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "challengeURL") {
		t.Errorf("a wrong option is no error of its types: %v %s", err, out)
	}
}

// typescript is the compiler that checks the page's library, installed as scripts/check does.
func typescript(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "js", "node_modules", ".bin", "tsc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		do(t, filepath.Join(root, "js"), nil, "npm", "ci", "--silent", "--no-audit", "--no-fund")
	}
	return path
}
