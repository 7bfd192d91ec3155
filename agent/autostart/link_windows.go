package autostart

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// link is what a shortcut of Windows holds.
type link struct{ program, arguments, comment string }

// The class ShellLink and its interfaces (shobjidl_core.h, objidl.h).
var (
	classShellLink = windows.GUID{Data1: 0x00021401, Data4: [8]byte{0xc0, 0, 0, 0, 0, 0, 0, 0x46}}
	iShellLinkW    = windows.GUID{Data1: 0x000214f9, Data4: [8]byte{0xc0, 0, 0, 0, 0, 0, 0, 0x46}}
	iPersistFile   = windows.GUID{Data1: 0x0000010b, Data4: [8]byte{0xc0, 0, 0, 0, 0, 0, 0, 0x46}}

	coCreateInstance = windows.NewLazySystemDLL("ole32.dll").NewProc("CoCreateInstance")
)

// The methods by their place in the tables of IUnknown, IShellLinkW and IPersistFile.
const (
	queryInterface  = 0
	release         = 2
	getPath         = 3
	setDescription  = 7
	getArguments    = 10
	setArguments    = 11
	setIconLocation = 17
	setPath         = 20

	load = 5
	save = 6
)

const (
	clsctxInprocServer = 1
	rawPath            = 4 // SLGP_RAWPATH
	longestPath        = windows.MAX_LONG_PATH
)

// object is an interface of COM: a pointer to the table of its methods.
type object struct{ methods *[32]uintptr }

// call calls a method, whose result is an HRESULT. What the arguments point to stays where it
// is until it returns.
//
//go:uintptrescapes
func (o *object) call(method int, args ...uintptr) error {
	result, _, _ := syscall.SyscallN(o.methods[method], append([]uintptr{uintptr(unsafe.Pointer(o))}, args...)...)
	if int32(result) < 0 {
		return fmt.Errorf("autostart: a shortcut: method %d: %w", method, windows.Errno(result))
	}
	return nil
}

func (o *object) close() { _ = o.call(release) }

// withLink calls do with a shortcut's two interfaces, on a thread on which COM is open.
func withLink(do func(shortcut, file *object) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// It says so, too, where this thread has opened it already, in either manner.
	if windows.CoInitializeEx(0, windows.COINIT_APARTMENTTHREADED) == nil {
		defer windows.CoUninitialize()
	}
	var shortcut, file *object
	result, _, _ := coCreateInstance.Call(uintptr(unsafe.Pointer(&classShellLink)), 0, clsctxInprocServer,
		uintptr(unsafe.Pointer(&iShellLinkW)), uintptr(unsafe.Pointer(&shortcut)))
	if int32(result) < 0 {
		return fmt.Errorf("autostart: a shortcut: %w", windows.Errno(result))
	}
	defer shortcut.close()
	if err := shortcut.call(queryInterface, uintptr(unsafe.Pointer(&iPersistFile)), uintptr(unsafe.Pointer(&file))); err != nil {
		return err
	}
	defer file.close()
	return do(shortcut, file)
}

func writeLink(path string, l link) error {
	return withLink(func(shortcut, file *object) error {
		for _, part := range []struct {
			method int
			text   string
		}{{setPath, l.program}, {setArguments, l.arguments}, {setDescription, l.comment}, {setIconLocation, l.program}} {
			text, err := windows.UTF16PtrFromString(part.text)
			if err != nil {
				return err
			}
			if err := shortcut.call(part.method, uintptr(unsafe.Pointer(text)), 0); err != nil {
				return err
			}
		}
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return err
		}
		return file.call(save, uintptr(unsafe.Pointer(name)), 1)
	})
}

func readLink(path string) (l link, err error) {
	err = withLink(func(shortcut, file *object) error {
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return err
		}
		if err := file.call(load, uintptr(unsafe.Pointer(name)), 0); err != nil {
			return err
		}
		text := make([]uint16, longestPath)
		if err := shortcut.call(getPath, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), 0, rawPath); err != nil {
			return err
		}
		l.program = windows.UTF16ToString(text)
		clear(text)
		if err := shortcut.call(getArguments, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text))); err != nil {
			return err
		}
		l.arguments = windows.UTF16ToString(text)
		return nil
	})
	return l, err
}
