package pkcs11

import (
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The functions that take names in the code page, as the binding does. x/sys has only the
// others.
var (
	kernel32            = windows.NewLazySystemDLL("kernel32.dll")
	getModuleHandleA    = kernel32.NewProc("GetModuleHandleA")
	loadLibraryA        = kernel32.NewProc("LoadLibraryA")
	wideCharToMultiByte = kernel32.NewProc("WideCharToMultiByte")
)

// bindingName is a name by which LoadLibraryA, which the binding calls, gives the library
// that is loaded already. A path has to be in the system's code page for it, which many
// are not; then the file's name alone, or its short path, may do. Each is tried first, so
// that the binding never gets another library.
func bindingName(path, file string, handle windows.Handle) (string, error) {
	for _, candidate := range []string{file, filepath.Base(file)} {
		if name, ok := inCodePage(candidate); ok && loadedAs(name) == handle {
			return name, nil
		}
	}
	if name, ok := inCodePage(shortPath(file)); ok {
		// It names the same file, so that nothing else is loaded: only counted once more.
		text, err := syscall.BytePtrFromString(name)
		if err == nil {
			if got, _, _ := loadLibraryA.Call(uintptr(unsafe.Pointer(text))); windows.Handle(got) == handle {
				return name, nil
			}
		}
	}
	return "", notLoaded(path, ErrNotLoadable, "its path has characters that the code page of this Windows lacks, and no short name: install it in another folder")
}

// loadedAs is the library that the name stands for among those that are loaded, 0 for none.
func loadedAs(name string) windows.Handle {
	text, err := syscall.BytePtrFromString(name)
	if err != nil {
		return 0
	}
	handle, _, _ := getModuleHandleA.Call(uintptr(unsafe.Pointer(text)))
	return windows.Handle(handle)
}

// shortPath is the path in names of eight and three characters, "" where there is none:
// a drive can be without.
func shortPath(path string) string {
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return ""
	}
	short := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetShortPathName(wide, &short[0], uint32(len(short)))
	if err != nil || n == 0 || int(n) > len(short) {
		return ""
	}
	return windows.UTF16ToString(short[:n])
}

const (
	codePageANSI  = 0
	codePageUTF8  = 65001
	noBestFit     = 0x400 // WC_NO_BEST_FIT_CHARS: é is not to become e, which names another file
	maxLoaderName = windows.MAX_PATH - 1
)

// inCodePage is the text in the code page; ok is false where that lacks a character, or
// where the text is empty or too long for functions of that kind.
func inCodePage(text string) (converted string, ok bool) {
	if windows.GetACP() == codePageUTF8 {
		return text, text != "" && len(text) <= maxLoaderName
	}
	wide, err := windows.UTF16FromString(text)
	if err != nil || len(wide) <= 1 || len(wide) > windows.MAX_PATH {
		return "", false
	}
	var lacking int32
	out := make([]byte, 4*len(wide))
	n, _, _ := wideCharToMultiByte.Call(codePageANSI, noBestFit, uintptr(unsafe.Pointer(&wide[0])), uintptr(len(wide)),
		uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)), 0, uintptr(unsafe.Pointer(&lacking)))
	if n == 0 || lacking != 0 || n-1 > maxLoaderName {
		return "", false
	}
	return string(out[:n-1]), true
}
