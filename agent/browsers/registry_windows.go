package browsers

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const thisSystem = Windows

func openHive() hive { return machine{} }

// oneHalf has programs of 32 and of 64 bits share what is recorded: one's package may replace
// the other's, which then takes away what that one entered. The policies are one anyway.
const oneHalf = registry.WOW64_64KEY

// regDeleteKeyEx alone deletes in that half (RegDeleteKeyExW).
var regDeleteKeyEx = windows.NewLazySystemDLL("advapi32.dll").NewProc("RegDeleteKeyExW")

// machine is HKEY_LOCAL_MACHINE.
type machine struct{}

func (machine) values(key string) (map[string]string, error) {
	return keyValues(registry.LOCAL_MACHINE, key)
}

func keyValues(root registry.Key, key string) (map[string]string, error) {
	k, err := registry.OpenKey(root, key, registry.QUERY_VALUE|oneHalf)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("browsers: %s: %w", key, err)
	}
	defer k.Close()
	names, err := k.ReadValueNames(-1)
	if err != nil {
		return nil, fmt.Errorf("browsers: %s: %w", key, err)
	}
	values := map[string]string{}
	for _, name := range names {
		value, _, err := k.GetStringValue(name)
		if err != nil && !errors.Is(err, registry.ErrUnexpectedType) {
			return nil, fmt.Errorf("browsers: %s: %w", key, err)
		}
		values[name] = value
	}
	return values, nil
}

func (machine) set(key, name, value string) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE|oneHalf)
	if err != nil {
		return fmt.Errorf("browsers: %s: %w", key, err)
	}
	defer k.Close()
	return k.SetStringValue(name, value)
}

func (machine) number(key, name string) (string, bool, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE|oneHalf)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("browsers: %s: %w", key, err)
	}
	defer k.Close()
	value, kind, err := k.GetIntegerValue(name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return "", false, nil
	case errors.Is(err, registry.ErrUnexpectedType):
		text, _, textErr := k.GetStringValue(name)
		if textErr != nil {
			text = fmt.Sprintf("of type %d", kind)
		}
		return fmt.Sprintf("%q", text), true, nil
	case err != nil:
		return "", false, fmt.Errorf("browsers: %s: %w", key, err)
	}
	return fmt.Sprint(value), true, nil
}

func (machine) setNumber(key, name string, value uint32) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE|oneHalf)
	if err != nil {
		return fmt.Errorf("browsers: %s: %w", key, err)
	}
	defer k.Close()
	return k.SetDWordValue(name, value)
}

func (machine) remove(key, name string) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE|oneHalf)
	if err != nil {
		return fmt.Errorf("browsers: %s: %w", key, err)
	}
	defer k.Close()
	return k.DeleteValue(name)
}

func (machine) exists(key string) (bool, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE|oneHalf)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("browsers: %s: %w", key, err)
	}
	return true, k.Close()
}

func (machine) drop(key string) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS|oneHalf)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("browsers: %s: %w", key, err)
	}
	info, err := k.Stat()
	_ = k.Close()
	if err != nil || info.ValueCount > 0 || info.SubKeyCount > 0 {
		return err
	}
	path, err := windows.UTF16PtrFromString(key)
	if err != nil {
		return err
	}
	if status, _, _ := regDeleteKeyEx.Call(uintptr(registry.LOCAL_MACHINE), uintptr(unsafe.Pointer(path)), oneHalf, 0); status != 0 {
		return fmt.Errorf("browsers: %s: %w", key, syscall.Errno(status))
	}
	return nil
}
