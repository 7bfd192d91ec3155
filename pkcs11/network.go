package pkcs11

import "github.com/cpx-bridge/cpx-bridge/internal/sharepath"

// OnNetwork reports whether the path of a module names a file on another computer; only
// Windows shows that in a path. The other computer is not asked.
func OnNetwork(path string) bool { return sharepath.Leads(path) }
