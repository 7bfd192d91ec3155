//go:build unix

package pkcs11

import (
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
	p11 "github.com/miekg/pkcs11"
)

// loads has the system load the library, as the binding will by that name, and has it
// give its list of functions. It stays loaded.
func loads(path string) (name string, err error) {
	// The loader keeps its reason for the thread that failed.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Lazily, as the binding does: a function that is missing and never called hurts
	// nobody.
	handle, err := purego.Dlopen(path, purego.RTLD_LAZY)
	if err != nil {
		said := err.Error()
		return "", notLoaded(path, loaderKind(path, said), strings.TrimPrefix(said, path+": "))
	}
	get, err := purego.Dlsym(handle, "C_GetFunctionList")
	if err != nil {
		return "", notLoaded(path, ErrNotPKCS11, "a library without C_GetFunctionList")
	}
	return path, checkList(path, get)
}

// checkList calls C_GetFunctionList, whose answer the binding does not look at.
func checkList(path string, get uintptr) error {
	var list unsafe.Pointer
	ckr, _, _ := purego.SyscallN(get, uintptr(unsafe.Pointer(&list)))
	if ckr != p11.CKR_OK {
		return wrap("C_GetFunctionList", path, p11.Error(ckr))
	}
	if list == nil {
		return &Error{Op: "C_GetFunctionList gave no list", Path: path, Kind: ErrModuleFailed}
	}
	return nil
}
