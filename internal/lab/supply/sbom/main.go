// Command sbom writes, for each program in a folder, its bill of materials, and the
// licences that go with them all.
//
//	sbom -bin build/bin -out build/supply
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/supply"
)

func main() {
	bin := flag.String("bin", "build/bin", "where the programs are")
	out := flag.String("out", "build/supply", "where to write")
	flag.Parse()
	if err := run(*bin, *out); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(bin, out string) error {
	rows, err := supply.Table(filepath.Join("docs", "dependencies.md"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	modules, err := supply.Required(ctx, ".", "go.mod")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, program := range supply.Programs {
		err := create(filepath.Join(out, program+".cdx.json"), func(f *os.File) error {
			return supply.SBOM(f, filepath.Join(bin, program), rows)
		})
		if err != nil {
			return err
		}
	}
	return create(filepath.Join(out, "licences.txt"), func(f *os.File) error { return supply.Notices(ctx, f, rows, modules) })
}

func create(path string, write func(f *os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
