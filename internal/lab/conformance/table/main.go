// Command table runs the conformance suite and prints its table. It exits 0 only if
// every cell is as expected.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/conformance"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func main() {
	pkcs11.RunChildRole()
	conformance.Isolate()
	dir, err := os.MkdirTemp("", "cpx-conformance")
	if err == nil {
		defer os.RemoveAll(dir)
		var bad int
		if bad, err = run(dir); err == nil && bad == 0 {
			return
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	os.Exit(1)
}

func run(dir string) (int, error) {
	results, missing, err := conformance.Run(context.Background(), dir, strings.Join(os.Args[1:], " "))
	if err != nil {
		return 0, err
	}
	if len(results) == 0 {
		return 0, errors.New("no module to run against")
	}
	return conformance.Table(os.Stdout, results, missing)
}
