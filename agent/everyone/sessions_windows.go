package everyone

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// ownKey is the program's below HKEY_LOCAL_MACHINE, where only administrators may write, and
// resumeName the key in it that keeps sessions. Programs of 32 and of 64 bits have one, since
// one may replace the other.
const (
	ownKey     = `SOFTWARE\CPxBridge`
	resumeName = "Resume"
)

// registryMemory keeps the sessions as the names of values, in a key that Windows forgets when
// it ends: the numbers of sessions then stand for other people's.
type registryMemory struct{}

func (registryMemory) store(names []string) error {
	if _, err := (registryMemory{}).drain(); err != nil || len(names) == 0 {
		return err
	}
	own, _, err := registry.CreateKey(registry.LOCAL_MACHINE, ownKey, registry.CREATE_SUB_KEY|registry.WOW64_64KEY)
	if err != nil {
		return fmt.Errorf("everyone: %w", err)
	}
	defer own.Close()
	key, err := createVolatile(own, resumeName)
	if err != nil {
		return fmt.Errorf("everyone: %w", err)
	}
	defer key.Close()
	for _, name := range names {
		if err := key.SetStringValue(name, ""); err != nil {
			return fmt.Errorf("everyone: %w", err)
		}
	}
	return nil
}

// drain leaves no key behind that is empty: the package that made the program removes its own
// only.
func (registryMemory) drain() ([]string, error) {
	own, err := registry.OpenKey(registry.LOCAL_MACHINE, ownKey, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS|registry.WOW64_64KEY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("everyone: %w", err)
	}
	defer own.Close()
	names, err := namesIn(own)
	if err != nil {
		return nil, fmt.Errorf("everyone: %w", err)
	}
	if err := registry.DeleteKey(own, resumeName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return names, fmt.Errorf("everyone: %w", err)
	}
	if info, err := own.Stat(); err == nil && info.SubKeyCount == 0 && info.ValueCount == 0 {
		return names, deleteOwn()
	}
	return names, nil
}

func namesIn(own registry.Key) ([]string, error) {
	key, err := registry.OpenKey(own, resumeName, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return key.ReadValueNames(-1)
}

var (
	advapi32       = windows.NewLazySystemDLL("advapi32.dll")
	regCreateKeyEx = advapi32.NewProc("RegCreateKeyExW")
	regDeleteKeyEx = advapi32.NewProc("RegDeleteKeyExW")
)

// createVolatile makes a key that is never written to the disk (RegCreateKeyExW,
// REG_OPTION_VOLATILE).
func createVolatile(parent registry.Key, name string) (registry.Key, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	const volatile = 1
	var key syscall.Handle
	status, _, _ := regCreateKeyEx.Call(uintptr(parent), uintptr(unsafe.Pointer(path)), 0, 0, volatile, registry.SET_VALUE, 0, uintptr(unsafe.Pointer(&key)), 0)
	if status != 0 {
		return 0, syscall.Errno(status)
	}
	return registry.Key(key), nil
}

// deleteOwn deletes the program's key (RegDeleteKeyExW, which alone knows whose of 32 and 64
// bits).
func deleteOwn() error {
	path, err := windows.UTF16PtrFromString(ownKey)
	if err != nil {
		return err
	}
	if status, _, _ := regDeleteKeyEx.Call(uintptr(registry.LOCAL_MACHINE), uintptr(unsafe.Pointer(path)), registry.WOW64_64KEY, 0); status != 0 {
		return fmt.Errorf("everyone: %w", syscall.Errno(status))
	}
	return nil
}

// Remember remembers in which sessions an agent runs, for Resume, and nothing else: what was
// remembered before is forgotten.
func Remember() error {
	all, err := processes()
	if err != nil {
		return err
	}
	for _, p := range all {
		_ = windows.CloseHandle(p.handle)
	}
	return remember(registryMemory{}, sessions(all))
}

// Forget forgets what Remember remembers: nothing is to be started any more.
func Forget() error {
	if !administrator() {
		return ErrNotAdministrator
	}
	_, err := registryMemory{}.drain()
	return err
}

// Resume starts an agent in each session that Remember found one in, as its person, without
// waiting for it, and forgets them. Errors are of sessions in which none could be started:
// nobody may be logged in there any more.
func Resume() error {
	if !administrator() {
		return ErrNotAdministrator
	}
	return resume(registryMemory{}, start)
}

func start(session uint32) error {
	p, err := startIn(session, noConsole, "run", "--supervise", "--quiet")
	if err != nil {
		return err
	}
	return windows.CloseHandle(p.handle)
}
