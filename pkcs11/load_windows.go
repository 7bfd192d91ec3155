package pkcs11

import (
	"debug/pe"
	"errors"
	"strings"
	"syscall"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
	"golang.org/x/sys/windows"
)

// loads has the system load the library, as the binding will, and has it give its
// list of functions. It stays loaded.
func loads(path string) error {
	handle, err := windows.LoadLibrary(path)
	switch {
	case errors.Is(err, windows.ERROR_MOD_NOT_FOUND): // the file is there: checkFile saw it
		return notLoaded(path, ErrMissingDependency, strings.Join(append([]string{err.Error()}, missingImports(path)...), " "))
	case err != nil: // another machine's is known by its header
		return notLoaded(path, ErrNotLoadable, err.Error())
	}
	get, err := windows.GetProcAddress(handle, "C_GetFunctionList")
	if err != nil {
		return notLoaded(path, ErrNotPKCS11, "a library without C_GetFunctionList")
	}
	var list unsafe.Pointer
	ckr, _, _ := syscall.SyscallN(get, uintptr(unsafe.Pointer(&list)))
	if ckr != p11.CKR_OK {
		return wrap("C_GetFunctionList", path, p11.Error(ckr))
	}
	if list == nil {
		return &Error{Op: "C_GetFunctionList gave no list", Path: path, Kind: ErrModuleFailed}
	}
	return nil
}

// missingImports are the libraries that the file names and Windows does not find; it
// does not say itself which they are.
func missingImports(path string) (missing []string) {
	file, err := pe.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols() // "symbol:library"
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, symbol := range symbols {
		_, name, _ := strings.Cut(symbol, ":")
		if seen[name] {
			continue
		}
		seen[name] = true
		// As data, so that no code of it runs.
		handle, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_AS_DATAFILE)
		if err != nil {
			missing = append(missing, name)
			continue
		}
		_ = windows.FreeLibrary(handle)
	}
	return missing
}
