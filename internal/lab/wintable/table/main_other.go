//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "test-windows: wine's root is made on Linux only")
	os.Exit(1)
}
