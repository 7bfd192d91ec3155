package pkcs11

import (
	"debug/pe"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
	"golang.org/x/sys/windows"
)

// loads has Windows load the library and give its list of functions. It stays loaded. The
// name is the one by which the binding gets this same library.
func loads(path string) (name string, err error) {
	file := fileName(path)
	// With these flags a library's own libraries are searched in its folder, in the
	// program's and in Windows' own, never in the current one nor on PATH.
	handle, err := windows.LoadLibraryEx(file, 0, windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR|windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
	if err != nil { // another machine's is known by its header
		return "", whyNotLoaded(path, err)
	}
	if err := isLoaded(path, handle); err != nil {
		return "", err
	}
	get, err := windows.GetProcAddress(handle, "C_GetFunctionList")
	if err != nil {
		return "", notLoaded(path, ErrNotPKCS11, "a library without C_GetFunctionList")
	}
	var list unsafe.Pointer
	ckr, _, _ := syscall.SyscallN(get, uintptr(unsafe.Pointer(&list)))
	if uint32(ckr) != p11.CKR_OK { // of 32 bits, CK_RV is
		return "", wrap("C_GetFunctionList", path, p11.Error(uint32(ckr)))
	}
	if list == nil {
		return "", &Error{Op: "C_GetFunctionList gave no list", Path: path, Kind: ErrModuleFailed}
	}
	return bindingName(path, file, handle)
}

// fileName is the path as the loader takes it: with backslashes alone, of any length, and
// with a point at its end where it has no extension, because the loader would append one
// and load another file.
func fileName(path string) string {
	path = filepath.Clean(path)
	if filepath.Ext(path) == "" {
		path += "."
	}
	if len(path) < windows.MAX_PATH || strings.HasPrefix(path, `\\?\`) {
		return path
	}
	if share, is := strings.CutPrefix(path, `\\`); is {
		return `\\?\UNC\` + share
	}
	return `\\?\` + path
}

// isLoaded says whether what was loaded is the file, and not one that Windows puts in its
// stead (a folder cpx-agent.exe.local, a library of that name that is loaded already).
func isLoaded(path string, handle windows.Handle) error {
	name := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetModuleFileName(handle, &name[0], uint32(len(name)))
	if err != nil {
		return notLoaded(path, ErrNotLoadable, "GetModuleFileName: "+err.Error())
	}
	found := windows.UTF16ToString(name[:n])
	want, err := os.Stat(path)
	if err != nil {
		return notLoaded(path, ErrNotLoadable, systemsWord(err))
	}
	if got, err := os.Stat(found); err != nil || !os.SameFile(want, got) {
		return notLoaded(path, ErrNotLoadable, "Windows loads another file in its stead: "+found)
	}
	return nil
}

func whyNotLoaded(path string, err error) error {
	switch {
	case errors.Is(err, windows.ERROR_MOD_NOT_FOUND): // the file is there: checkFile saw it
		return notLoaded(path, ErrMissingDependency, strings.Join(append([]string{err.Error()}, missingImports(path)...), " "))
	case errors.Is(err, windows.ERROR_DLL_INIT_FAILED):
		return &Error{Op: "load: " + err.Error(), Path: path, Kind: ErrModuleFailed}
	}
	return notLoaded(path, ErrNotLoadable, err.Error())
}

// missingImports are the libraries that the file, and those beside it that it uses, name
// and Windows will not find; it does not say itself which they are. None is loaded for it.
func missingImports(path string) (missing []string) {
	folders := []string{filepath.Dir(path)}
	if program, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(program))
	}
	seen := map[string]bool{}
	for files := []string{path}; len(files) > 0; files = files[1:] {
		for _, name := range imports(files[0]) {
			if seen[strings.ToLower(name)] || virtual(name) {
				continue
			}
			seen[strings.ToLower(name)] = true
			switch file := inFolders(name, folders); {
			case file != "":
				files = append(files, file)
			case !inSystem(name):
				missing = append(missing, name)
			}
		}
	}
	return missing
}

// imports are the libraries that a library names, each once.
func imports(path string) (names []string) {
	file, err := pe.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols() // "symbol:library"
	if err != nil {
		return nil
	}
	for _, symbol := range symbols {
		_, name, _ := strings.Cut(symbol, ":")
		names = append(names, name)
	}
	return names
}

// virtual reports a name that stands for libraries of Windows, and is no file (API sets).
func virtual(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "api-ms-win-") || strings.HasPrefix(name, "ext-ms-")
}

func inFolders(name string, folders []string) string {
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return filepath.Join(folder, name)
		}
	}
	return ""
}

// inSystem looks the library up in Windows' own folder, as data, so that no code of it
// runs: some are in none of the folders that are seen.
func inSystem(name string) bool {
	handle, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_AS_DATAFILE|windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	if err != nil {
		return false
	}
	_ = windows.FreeLibrary(handle)
	return true
}
