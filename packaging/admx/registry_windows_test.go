package main

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

var regSetValueEx = windows.NewLazySystemDLL("advapi32.dll").NewProc("RegSetValueExW")

// TestRealRegistry: what the template says, written into Windows's registry, is what the
// agent reads there.
func TestRealRegistry(t *testing.T) {
	at := machine{}
	t.Cleanup(func() { at.clear(t) })
	interpreted(t, at)
}

// machine is HKEY_LOCAL_MACHINE.
type machine struct{}

func (machine) paths() policy.Paths { return policy.Paths{Registry: policy.DefaultPaths().Registry} }

func (machine) expanded(path string) string {
	for variable, folder := range map[string]*windows.KNOWNFOLDERID{"%ProgramFiles%": windows.FOLDERID_ProgramFiles, "%ProgramFiles(x86)%": windows.FOLDERID_ProgramFilesX86} {
		if known, err := windows.KnownFolderPath(folder, 0); err == nil {
			path = strings.ReplaceAll(path, variable, known)
		}
	}
	return path
}

func (machine) Set(key, name string, kind uint32, data []byte) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	if status, _, _ := regSetValueEx.Call(uintptr(k), uintptr(unsafe.Pointer(wide)), 0, uintptr(kind), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data))); status != 0 {
		return windows.Errno(status)
	}
	return nil
}

func (machine) Delete(key, name string) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
	if err == nil {
		err = errors.Join(k.DeleteValue(name), k.Close())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (machine) Values(key string) ([]string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return k.ReadValueNames(-1)
}

// clear removes the policy's key and all below it.
func (machine) clear(t *testing.T) {
	t.Helper()
	var remove func(path string)
	remove = func(path string) {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.ENUMERATE_SUB_KEYS)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		names, err := key.ReadSubKeyNames(-1)
		_ = key.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			remove(path + `\` + name)
		}
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, path); err != nil {
			t.Fatal(err)
		}
	}
	remove(policy.PolicyKey)
}
