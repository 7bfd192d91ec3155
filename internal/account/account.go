// Package account says for whom a process runs.
//
// It may be called from any goroutine. Of is there on Windows only: elsewhere a user's number
// says as much.
package account

import "fmt"

// Account is a user in one desktop session of Windows. The zero value is nobody.
type Account struct {
	SID     string
	Session uint32
}

// Same reports whether both are the same person's, in the same session: nobody is the same
// as anybody, not even as nobody.
func (a Account) Same(b Account) bool { return a.SID != "" && a == b }

// String is for the log.
func (a Account) String() string { return fmt.Sprintf("%s in session %d", a.SID, a.Session) }
