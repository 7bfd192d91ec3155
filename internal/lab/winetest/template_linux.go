package winetest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shim is the source of a DLL that Go's runtime loads and wine 8 lacks. It is never
// shipped.
//
//go:embed testdata/bcryptprimitives.c
var shim []byte

// tools are the programs that the harness runs.
type tools struct{ wine, server, compiler string }

func findTools() (tools, error) {
	var t tools
	var missing []string
	for _, need := range []struct {
		name  string
		where *string
		files []string
	}{
		// Debian's own wine64 is not on PATH; /usr/bin/wine is a script that prints a
		// warning where the 32-bit part is not installed.
		{"wine64", &t.wine, []string{"/usr/lib/wine/wine64", "wine64", "wine"}},
		{"wineserver", &t.server, []string{"/usr/lib/wine/wineserver64", "wineserver"}},
		{Compilers["amd64"], &t.compiler, []string{Compilers["amd64"]}},
	} {
		for _, file := range need.files {
			if path, err := exec.LookPath(file); err == nil {
				*need.where = path
				break
			}
		}
		if *need.where == "" {
			missing = append(missing, need.name)
		}
	}
	if len(missing) > 0 {
		return t, fmt.Errorf("%s missing: YES=1 scripts/setup test installs %s", strings.Join(missing, " and "), Packages)
	}
	return t, nil
}

// environment is that of every program in wine: without the person's own settings,
// menu entries on the person's desktop, .NET, and the browser engine, whose
// installers would ask.
func environment(prefix string) []string {
	env := []string{
		"WINEPREFIX=" + prefix, "WINEARCH=win64", "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=winemenubuilder.exe=d;mscoree=d;mshtml=d",
		// LC_ALL is for wine, whose files have names in UTF-8; LANG for our programs, which
		// pass over it and else speak as this Windows does, in English.
		"LC_ALL=C.UTF-8", "LANG=fr_FR.UTF-8",
	}
	for _, name := range []string{"HOME", "PATH", "USER"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// template returns a folder with a fresh Windows, to be copied. It is made once for
// each version of wine, in the repository's build folder, even when several test
// programs need it at the same time.
func (t tools) template() (string, error) {
	version, err := exec.Command(t.wine, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", t.wine, err)
	}
	build, err := buildFolder()
	if err != nil {
		return "", err
	}
	ready := filepath.Join(build, strings.Map(plain, strings.TrimSpace(string(version))))
	return ready, Once(ready, t.make)
}

func plain(r rune) rune {
	if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}

// Repository is the folder of go.mod.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("winetest: not in a Go module")
}

// buildFolder is build/winetest in the repository.
func buildFolder() (string, error) {
	dir, err := Repository()
	if err != nil {
		return "", err
	}
	build := filepath.Join(dir, "build", "winetest")
	return build, errors.Join(os.MkdirAll(build, 0o755), os.Chmod(build, 0o755)) // apt's own user passes through
}

// make makes a Windows and the DLL that it lacks.
func (t tools) make(prefix string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	run := func(program string, args ...string) error {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = environment(prefix)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := run(t.wine, "wineboot", "--init"); err != nil {
		return err
	}
	if err := run(t.server, "-w"); err != nil { // waits until all of it is written
		return err
	}
	source := filepath.Join(filepath.Dir(prefix), "bcryptprimitives.c")
	if err := os.WriteFile(source, shim, 0o600); err != nil {
		return err
	}
	system := filepath.Join(prefix, "drive_c", "windows", "system32")
	if err := run(t.compiler, "-O2", "-shared", "-o", filepath.Join(system, "bcryptprimitives.dll"), source, "-ladvapi32"); err != nil {
		return err
	}
	return shrink(filepath.Join(prefix, "drive_c"))
}

// libraries are the folders where wine's own DLLs may be, of which a new Windows
// holds copies.
var libraries = []string{"/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/lib/wine/x86_64-windows", "/usr/lib64/wine/x86_64-windows", "/usr/lib/i386-linux-gnu/wine/i386-windows"}

// shrink replaces those copies by links, which saves 680 MB of 700 for each test.
// Where wine is in another folder, nothing changes, and all works.
func shrink(drive string) error { return shrinkFrom(drive, "/") }

// shrinkFrom is shrink for a wine in a root of its own, where alone the links lead to
// something.
func shrinkFrom(drive, root string) error {
	return filepath.WalkDir(drive, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		for _, library := range libraries {
			own := filepath.Join(library, entry.Name())
			if !same(path, filepath.Join(root, own)) {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink(own, path)
		}
		return nil
	})
}

func same(a, b string) bool {
	sizeA, errA := os.Stat(a)
	sizeB, errB := os.Stat(b)
	if errA != nil || errB != nil || sizeA.Size() != sizeB.Size() {
		return false
	}
	textA, errA := os.ReadFile(a)
	textB, errB := os.ReadFile(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}
