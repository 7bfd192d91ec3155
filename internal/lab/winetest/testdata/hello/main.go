// Command hello is the program that this package's own test runs in wine.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
)

func main() {
	folder := `C:\windows\temp\`
	if len(os.Args) == 3 {
		if err := os.WriteFile(folder+os.Args[1], []byte(os.Args[2]), 0o600); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	entries, err := os.ReadDir(folder)
	fmt.Println(runtime.GOOS, len(rand.Text()), len(entries), err, os.Getenv("CPX_TEST"))
	if len(os.Args) == 2 {
		select {} // until it is killed
	}
}
