package policy

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// setupKey has what the installer was given: group policy never touches it, and each
// architecture's package and program have their own.
const setupKey = `SOFTWARE\CPxBridge\Settings`

// machineRegistry is HKLM\SOFTWARE\Policies\CPxBridge, or where there is no such key
// HKLM\SOFTWARE\CPxBridge\Settings.
func machineRegistry() *Registry {
	policy, setup := localMachine(PolicyKey), localMachine(setupKey)
	setup.Joined = true
	policy.Otherwise = setup
	return policy
}

// localMachine is a key of HKEY_LOCAL_MACHINE.
func localMachine(path string) *Registry {
	name := `HKLM\` + path
	return &Registry{
		Name:   name,
		Open:   func() (Key, error) { return openKey(registry.LOCAL_MACHINE, path) },
		Expand: knownFolder,
		Watch: func(ctx context.Context, changed func()) error {
			return watchKey(ctx, registry.LOCAL_MACHINE, path, changed)
		},
		Trusted: func() error {
			bad, is := errors.AsType[*owners.Error](owners.CheckKey(registry.LOCAL_MACHINE, path, owners.Root))
			if !is {
				return nil // one that is missing, or cannot be looked up, is for who reads it
			}
			return tomlfile.Refused(name, bad, func(say texts.Catalogue) string {
				return say.Text("settings.untrusted_key", bad.Why(say), bad.Next(say))
			})
		},
	}
}

// openedKey is a key of the real registry.
type openedKey struct{ key registry.Key }

func openKey(parent registry.Key, name string) (Key, error) {
	key, err := registry.OpenKey(parent, name, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil, missing(err)
	}
	return openedKey{key}, nil
}

// missing makes a key that was deleted while it was open one that is not there.
func missing(err error) error {
	if errors.Is(err, windows.ERROR_KEY_DELETED) {
		return fs.ErrNotExist
	}
	return err
}

func (k openedKey) Open(name string) (Key, error) { return openKey(k.key, name) }
func (k openedKey) Close() error                  { return k.key.Close() }

func (k openedKey) Keys() ([]string, error) {
	names, err := k.key.ReadSubKeyNames(-1)
	return names, changing(err)
}

func (k openedKey) Values() ([]Value, error) {
	names, err := k.key.ReadValueNames(-1)
	if err != nil {
		return nil, changing(err)
	}
	values := make([]Value, len(names))
	buffer := make([]byte, MaxValue+1)
	for i, name := range names {
		n, kind, err := k.key.GetValue(name, buffer)
		if errors.Is(err, registry.ErrShortBuffer) {
			n, err = len(buffer), nil
		}
		if err != nil {
			return nil, changing(err)
		}
		values[i] = Value{Name: name, Type: kind, Data: append([]byte(nil), buffer[:n]...)}
	}
	return values, nil
}

// changing is for what was there a moment ago.
func changing(err error) error {
	if errors.Is(missing(err), fs.ErrNotExist) {
		return errChanging
	}
	return err
}

// knownFolder asks Windows, and not the environment, in which a person may set what they
// like.
func knownFolder(variable string) (string, bool) {
	id, known := map[string]*windows.KNOWNFOLDERID{
		"programfiles": windows.FOLDERID_ProgramFiles, "programfiles(x86)": windows.FOLDERID_ProgramFilesX86,
		"programdata": windows.FOLDERID_ProgramData, "allusersprofile": windows.FOLDERID_ProgramData,
		"systemroot": windows.FOLDERID_Windows, "windir": windows.FOLDERID_Windows,
	}[strings.ToLower(variable)]
	if !known {
		return "", false
	}
	path, err := windows.KnownFolderPath(id, windows.KF_FLAG_DEFAULT)
	return path, err == nil && path != ""
}
