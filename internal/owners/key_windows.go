package owners

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// CheckKey returns an *Error where others than the trusted may change a registry key, a
// key below it, or one on the way to it; where the key is missing, they may make it if
// they may change the last that is there. Otherwise it returns the system's error where
// the key is missing. The path is below root, with backslashes.
func CheckKey(root registry.Key, path string, trust Trust) error {
	w := walk{trusted: trusted(trust)}
	at, err := "", error(nil)
	for _, name := range append([]string{""}, strings.Split(path, `\`)...) {
		at = strings.TrimPrefix(at+`\`+name, `\`)
		if err = w.key(root, at); err != nil {
			break
		}
	}
	if err == nil {
		err = w.below(root, path, 0)
	}
	if len(w.faults) > 0 {
		return &Error{Path: keyName(root, path), Trust: trust, Faults: w.faults, Fixed: true}
	}
	return err
}

// maxKeys is how deep keys are looked at, beyond what settings have.
const maxKeys = 8

// below looks at the keys below one.
func (w *walk) below(root registry.Key, path string, depth int) error {
	key, err := registry.OpenKey(root, path, registry.READ|registry.WOW64_64KEY)
	if err != nil {
		return w.unseenKey(root, path, err)
	}
	defer key.Close()
	names, err := key.ReadSubKeyNames(-1)
	if err != nil || depth == maxKeys && len(names) > 0 {
		w.add(Fault{Path: keyName(root, path), Kind: Unknown, Listed: true, Key: true})
		return err
	}
	for _, name := range names {
		at := path + `\` + name
		if err := w.key(root, at); err == nil {
			_ = w.below(root, at, depth+1) // what fails is among the faults
		}
	}
	return nil
}

// key notes what is wrong with one key.
func (w *walk) key(root registry.Key, path string) error {
	// Nothing but the right to ask who may change it.
	opened, err := registry.OpenKey(root, path, windows.READ_CONTROL|registry.WOW64_64KEY)
	if err != nil {
		return w.unseenKey(root, path, err)
	}
	defer opened.Close()
	found, err := accessOfHandle(windows.Handle(opened), windows.SE_REGISTRY_KEY)
	if err != nil {
		return w.unseenKey(root, path, err)
	}
	for _, f := range found.faults(keyName(root, path), key, w.trusted) {
		w.add(f)
	}
	return nil
}

func (w *walk) unseenKey(root registry.Key, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.add(Fault{Path: keyName(root, path), Kind: Unknown, Listed: true, Key: true})
	return err
}

// keyName is a key as people write it.
func keyName(root registry.Key, path string) string {
	name := map[registry.Key]string{registry.LOCAL_MACHINE: "HKLM", registry.CURRENT_USER: "HKCU", registry.USERS: "HKU"}[root]
	return strings.TrimSuffix(name+`\`+path, `\`)
}
