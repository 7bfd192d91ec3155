// Command states prints how each module named does, and what it says of itself.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func main() {
	pkcs11.RunChildRole()
	pool, err := pkcs11.Open(context.Background(), pkcs11.Options{Modules: os.Args[1:]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, m := range pool.Modules() {
		fmt.Println(m.Err, m.Info)
	}
	_ = pool.Close()
}
