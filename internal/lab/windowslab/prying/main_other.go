//go:build !windows

package main

import "os"

func main() { os.Exit(2) } // Windows has these ways alone
