package programname

import (
	"context"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

type identity struct{}

// Of names programs by their version resource, where administrators alone may change the
// file: in it stands whatever who made it wanted.
func Of(ctx context.Context, files []File) Programs {
	list := Unnamed(files)
	for i, f := range files {
		if ctx.Err() == nil && f.Path != "" && owners.Check(f.Path, owners.Root) == nil {
			list[i].names = ofVersion(f.Path)
		}
	}
	return list
}

// maxVersion is the largest resource that is read. Those of browsers have 2 KiB.
const maxVersion = 256 << 10

// ofVersion reads a file's version resource (GetFileVersionInfo, winver.h).
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
	translations := translationsOf(block)
	return names{french: description(block, translations, french), english: description(block, translations, english)}
}

// translation is a language and a code page of the resource (Var, verrsrc.h).
type translation struct{ language, codePage uint16 }

// The primary languages (LANG_ENGLISH, LANG_FRENCH, winnt.h) in the lowest bits.
const (
	english     = 0x09
	french      = 0x0c
	primaryMask = 0x3ff
)

func translationsOf(block []byte) (list []translation) {
	value := query(block, `\VarFileInfo\Translation`, 1)
	for ; len(value) >= 4; value = value[4:] {
		list = append(list, translation{uint16(value[0]) | uint16(value[1])<<8, uint16(value[2]) | uint16(value[3])<<8})
	}
	return list
}

// description is what the file is called in a language, else in the first that it has.
func description(block []byte, translations []translation, primary uint16) string {
	in := func(wanted func(translation) bool) string {
		for _, t := range translations {
			if !wanted(t) {
				continue
			}
			for _, key := range []string{"FileDescription", "ProductName"} {
				value := query(block, fmt.Sprintf(`\StringFileInfo\%04x%04x\%s`, t.language, t.codePage, key), 2)
				text := make([]uint16, len(value)/2)
				for i := range text {
					text[i] = uint16(value[2*i]) | uint16(value[2*i+1])<<8
				}
				if name := shown(windows.UTF16ToString(text)); name != "" {
					return name
				}
			}
		}
		return ""
	}
	if name := in(func(t translation) bool { return t.language&primaryMask == primary }); name != "" {
		return name
	}
	return in(func(translation) bool { return true })
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
