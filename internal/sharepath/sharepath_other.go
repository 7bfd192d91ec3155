//go:build !windows

package sharepath

// Leads reports whether a path leads to another computer. Unix does not show that in a
// path.
func Leads(string) bool { return false }
