//go:build !linux && !windows

package pkcs11

import "time"

// sleptFor is not known here. Nor is PC/SC watched on these systems (see package
// pcsc), so that no reading holds and it is never needed.
func sleptFor() time.Duration { return 0 }
