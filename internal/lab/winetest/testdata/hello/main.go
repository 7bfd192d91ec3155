// Command hello is the program that this package's own test runs in wine.
package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"runtime"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(args []string) error {
	folder := `C:\windows\temp\`
	if len(args) == 2 && args[0] == "dial" {
		c, err := net.Dial("tcp", args[1])
		if err != nil {
			return err
		}
		return c.Close()
	}
	if len(args) == 2 {
		if err := os.WriteFile(folder+args[0], []byte(args[1]), 0o600); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	fmt.Println(runtime.GOOS, len(rand.Text()), len(entries), err, os.Getenv("CPX_TEST"), runtime.GOARCH)
	if len(args) == 1 { // until it is killed
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(listener.Addr())
		for {
			c, err := listener.Accept()
			if err != nil {
				return err
			}
			_ = c.Close()
		}
	}
	return nil
}
