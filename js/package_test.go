package js

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// pack makes the package as it would be published, and returns its files. It needs
// no registry.
func pack(t *testing.T) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("npm", "pack", "--json", "--offline", "--pack-destination", dir)
	cmd.Env = append(os.Environ(), "npm_config_cache="+t.TempDir(), "npm_config_update_notifier=false")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("npm pack (YES=1 scripts/setup test installs npm): %v\n%s", err, problems.Bytes())
	}
	var packed []struct{ Filename string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack said %s", out)
	}
	file, err := os.Open(filepath.Join(dir, packed[0].Filename))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "package/")] = text
	}
}

// The package holds what is meant for others and nothing else; a bundler and a
// server that renders pages can use it.
func TestPackage(t *testing.T) {
	files := pack(t)
	want := []string{"API.md", "LICENSE", "README.md", "package.json"}
	dist, err := fs.ReadDir(Files, "dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range dist {
		want = append(want, "dist/"+f.Name())
	}
	var got []string
	home := filepath.Join(t.TempDir(), "node_modules", "cpx-bridge")
	for name, text := range files {
		got = append(got, name)
		path := filepath.Join(home, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the package holds %v, want %v", got, want)
	}
	licence, err := os.ReadFile("../LICENSE")
	if err != nil || !bytes.Equal(licence, files["LICENSE"]) {
		t.Errorf("its licence is not the repository's: %v", err)
	}
	var about map[string]any
	if err := json.Unmarshal(files["package.json"], &about); err != nil || about["dependencies"] != nil || about["private"] != true {
		t.Errorf("package.json: %v, %v", err, about)
	}
	root := filepath.Dir(filepath.Dir(home))
	t.Run("bundler", func(t *testing.T) { bundled(t, root) })
	t.Run("server", func(t *testing.T) { imported(t, root) })
}

func bundled(t *testing.T, root string) {
	result := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{ResolveDir: root, Contents: `
			import "cpx-bridge/button";
			import "cpx-bridge/selftest";
			import { authenticate, sentence } from "cpx-bridge";
			console.log(authenticate, sentence);`},
		Bundle: true, Splitting: true, Format: api.FormatESModule, Outdir: filepath.Join(root, "out"), LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors)+len(result.Warnings) > 0 {
		t.Fatalf("%v %v", result.Errors, result.Warnings)
	}
	// The entry and each language by itself, at least.
	if len(result.OutputFiles) < 3 {
		t.Errorf("%d files: are the languages loaded on demand?", len(result.OutputFiles))
	}
}

// imported imports the package as a framework does that renders pages on the
// server.
func imported(t *testing.T, root string) {
	cmd := exec.Command("node", "--input-type=module", "-e", `
		const { authenticate, CpxError } = await import("cpx-bridge");
		const { CpxLogin } = await import("cpx-bridge/button");
		const { CpxSelfTest } = await import("cpx-bridge/selftest");
		if (typeof authenticate !== "function" || !(new CpxError("busy") instanceof Error) || !CpxLogin || !CpxSelfTest) process.exit(3);`)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
