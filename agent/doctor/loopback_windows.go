package doctor

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
	winregistry "golang.org/x/sys/windows/registry"
)

// machineRegistry is HKEY_LOCAL_MACHINE, as 64-bit programs see it: a 32-bit agent would
// else read the other view of it.
type machineRegistry struct{}

func (machineRegistry) key(path string) (values map[string]any, keys []string, err error) {
	k, err := winregistry.OpenKey(winregistry.LOCAL_MACHINE, path, winregistry.READ|winregistry.WOW64_64KEY)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_PATH_NOT_FOUND) {
		return nil, nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, err
	}
	defer k.Close()
	names, err := k.ReadValueNames(-1)
	if err != nil {
		return nil, nil, err
	}
	values = map[string]any{}
	for _, name := range names {
		if n, _, err := k.GetIntegerValue(name); err == nil {
			values[name] = n
		} else if s, _, err := k.GetStringValue(name); err == nil {
			values[name] = s
		} else if s, _, err := k.GetStringsValue(name); err == nil {
			values[name] = s
		}
	}
	keys, err = k.ReadSubKeyNames(-1)
	return values, keys, err
}
