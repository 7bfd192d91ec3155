// Command build makes js/dist from js/src: go run ./js/build, from the
// repository's root. It first checks the types with TypeScript's compiler,
// which needs Node and, once, npm ci in js/.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/js/bundle"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "js", "the js folder")
	skip := flag.Bool("no-types", false, "do not check the types (without Node)")
	flag.Parse()
	if err := run(*dir, !*skip); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, types bool) error {
	if types {
		if err := check(dir); err != nil {
			return err
		}
	}
	files, err := bundle.Files(dir)
	if err != nil {
		return err
	}
	dist := filepath.Join(dir, "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dist, name), text, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s: %d bytes\n", filepath.Join(dist, name), len(text))
	}
	return nil
}

func check(dir string) error {
	tsc := filepath.Join(dir, "node_modules", ".bin", "tsc")
	if _, err := os.Stat(tsc); err != nil {
		return fmt.Errorf("no type checker: run npm ci in %s, or build with -no-types: %w", dir, err)
	}
	tsc, err := filepath.Abs(tsc)
	if err != nil {
		return err
	}
	cmd := exec.Command(tsc, "-p", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("types: %w\n%s", err, out)
	}
	return nil
}
