// Command login runs package bareprogram as a process: for each line on its standard
// input it makes one login, and answers "ok" or the error. With stay it logs in once, and
// makes one more signature for each line.
//
//	login [stay] MODULE PIN CKA_ID
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
	args := os.Args[1:]
	stay := len(args) > 0 && args[0] == "stay"
	if stay {
		args = args[1:]
	}
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: login [stay] MODULE PIN CKA_ID")
		os.Exit(2)
	}
	if err := serve(stay, args[0], args[1], args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "login:", err)
		os.Exit(1)
	}
}

func serve(stay bool, module, pin, keyID string) error {
	id, err := hex.DecodeString(keyID)
	if err != nil {
		return err
	}
	p, err := bareprogram.Open(module)
	if err != nil {
		return err
	}
	once := func() error { return p.Login(pin, id, func(string) {}) }
	if stay {
		session, err := p.Stay(pin)
		if err != nil {
			return err
		}
		once = func() error { return session.Sign(id) }
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer := "ok"
		if err := once(); err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return errors.Join(lines.Err(), p.Close())
}
