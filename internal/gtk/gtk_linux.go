//go:build amd64 || arm64

package gtk

/*
#cgo LDFLAGS: -Wl,--as-needed -ldl
#include "load_linux.h"
*/
import "C"

import "sync"

var loading sync.Mutex

// Load loads the toolkit, and where panel is set the library for icons on a panel too. It fails
// with a *MissingError. It may be called several times, and concurrently: its parts stay loaded.
func Load(panel bool) error {
	loading.Lock()
	defer loading.Unlock()
	with := C.int(0)
	if panel {
		with = 1
	}
	if missing := C.cpx_load(with); missing != nil {
		return &MissingError{What: C.GoString(missing)}
	}
	return nil
}
