package programname

import (
	"context"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

type identity struct{}

// machines reports whether administrators alone may change a file.
var machines = func(path string) bool { return owners.Check(path, owners.Root) == nil }

// Of names programs by their version resource, where administrators alone may change the
// file: in it stands whatever who made it wanted.
func Of(ctx context.Context, files []File) Programs {
	list := Unnamed(files)
	for i, f := range files {
		if ctx.Err() == nil && f.Path != "" && machines(f.Path) {
			list[i].names = ofVersion(f.Path)
		}
	}
	return list
}

// maxVersion is the largest resource that is read. Those of browsers have 2 KiB.
const maxVersion = 256 << 10

// ofVersion reads a file's version resource (GetFileVersionInfo, winver.h), of which Windows
// itself chooses the one in the person's language.
func ofVersion(path string) (n names) {
	var zero windows.Handle
	size, err := windows.GetFileVersionInfoSize(path, &zero)
	if err != nil || size == 0 || size > maxVersion {
		return n
	}
	block := make([]byte, size)
	if windows.GetFileVersionInfo(path, 0, size, unsafe.Pointer(&block[0])) != nil {
		return n
	}
	value := query(block, `\VarFileInfo\Translation`, 1) // languages and code pages (Var, verrsrc.h)
	for ; len(value) >= 4; value = value[4:] {
		for _, key := range []string{"FileDescription", "ProductName"} {
			name := fmt.Sprintf(`\StringFileInfo\%02x%02x%02x%02x\%s`, value[1], value[0], value[3], value[2], key)
			if found := text(query(block, name, 2)); found != "" {
				return names{french: found, english: found}
			}
		}
	}
	return n
}

// text is a value in UTF-16, safe to show.
func text(value []byte) string {
	units := make([]uint16, len(value)/2)
	for i := range units {
		units[i] = uint16(value[2*i]) | uint16(value[2*i+1])<<8
	}
	return shown(windows.UTF16ToString(units))
}

// query is a value of the resource in bytes (VerQueryValue, which counts a text in units of
// two), and never what is beside the resource.
func query(block []byte, name string, unit uintptr) []byte {
	var at unsafe.Pointer
	var length uint32
	if windows.VerQueryValue(unsafe.Pointer(&block[0]), name, unsafe.Pointer(&at), &length) != nil || at == nil {
		return nil
	}
	begin := uintptr(at) - uintptr(unsafe.Pointer(&block[0]))
	if uintptr(at) < uintptr(unsafe.Pointer(&block[0])) || begin > uintptr(len(block)) {
		return nil
	}
	return block[begin:min(begin+uintptr(length)*unit, uintptr(len(block)))]
}
