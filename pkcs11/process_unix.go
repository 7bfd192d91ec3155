//go:build unix

package pkcs11

import "github.com/cpx-bridge/cpx-bridge/internal/nodump"

// hardenChild keeps the PIN out of core dumps.
func hardenChild() {
	_ = nodump.Set()
	undumpable()
}
