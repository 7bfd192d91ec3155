// Command run attacks agent and portal as they are built, and prints a line for each
// attack. It exits 0 only if all were tried and held; ALLOW_MISSING names lines that
// need not be tried, such as ALLOW_MISSING=8,25.
//
//	run [-bin build/bin] [LINE ...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/attack"
)

func main() {
	attack.RunRoles()
	bin := flag.String("bin", "build/bin", "where the programs are")
	flag.Parse()
	if err := run(*bin, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

func run(bin string, lines []string) error {
	bin, err := filepath.Abs(bin) // some worlds have programs that point there
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Sockets have short names, shorter than a folder below another may be.
	dir, err := os.MkdirTemp("", "cpxa")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Another user must be able to reach what an attack puts there for it.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	attacks := slices.DeleteFunc(attack.All(), func(a attack.Attack) bool {
		return len(lines) > 0 && !slices.Contains(lines, fmt.Sprint(a.Line))
	})
	var results []attack.Result
	err = attack.Run(ctx, dir, bin, attacks, func(r attack.Result) {
		results = append(results, r)
		fmt.Println(r)
	})
	if err != nil {
		return err
	}
	return attack.Summary(os.Stdout, results, attack.Allowed())
}
