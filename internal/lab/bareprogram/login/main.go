// Command login runs package bareprogram as a process: for each line on its standard
// input it makes one login, and answers "ok" or the error.
//
//	login MODULE PIN CKA_ID
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/bareprogram"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: login MODULE PIN CKA_ID")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "login:", err)
		os.Exit(1)
	}
}

func serve(module, pin, keyID string) error {
	id, err := hex.DecodeString(keyID)
	if err != nil {
		return err
	}
	p, err := bareprogram.Open(module)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer := "ok"
		if err := p.Login(pin, id, func(string) {}); err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return errors.Join(lines.Err(), p.Close())
}
