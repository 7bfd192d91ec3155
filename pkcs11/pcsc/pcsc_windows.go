package pcsc

import (
	"fmt"
	"strings"
	"syscall"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// library is winscard.dll.
type library struct{}

var (
	winscard         = windows.NewLazySystemDLL("winscard.dll")
	establishContext = winscard.NewProc("SCardEstablishContext")
	releaseContext   = winscard.NewProc("SCardReleaseContext")
	listReaders      = winscard.NewProc("SCardListReadersW")
	getStatusChange  = winscard.NewProc("SCardGetStatusChangeW")
	cancelContext    = winscard.NewProc("SCardCancel")
	connectCard      = winscard.NewProc("SCardConnectW")
	disconnectCard   = winscard.NewProc("SCardDisconnect")
)

// rawState is SCARD_READERSTATEW.
type rawState struct {
	Reader   *uint16
	UserData uintptr
	Current  uint32
	Event    uint32
	ATRSize  uint32
	ATR      [36]byte
}

func load() (*library, error) {
	if err := winscard.Load(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLibrary, err)
	}
	return &library{}, nil
}

const scopeSystem = 2

func (l *library) establish() (uintptr, error) {
	var handle uintptr
	result, _, _ := establishContext.Call(scopeSystem, 0, 0, uintptr(unsafe.Pointer(&handle)))
	return handle, check(Code(uint32(result)))
}

func (l *library) release(handle uintptr) { _, _, _ = releaseContext.Call(handle) }

func (l *library) cancel(handle uintptr) { _, _, _ = cancelContext.Call(handle) }

const maxNames = 1 << 14

func (l *library) readers(handle uintptr) ([]string, error) {
	buffer := make([]uint16, maxNames)
	length := uint32(len(buffer))
	result, _, _ := listReaders.Call(handle, 0, uintptr(unsafe.Pointer(&buffer[0])), uintptr(unsafe.Pointer(&length)))
	err := check(Code(uint32(result)))
	if err == codeNoReaders {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range strings.Split(string(utf16.Decode(buffer[:min(int(length), len(buffer))])), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

const infinite = 0xFFFFFFFF

func (l *library) statusChange(handle uintptr, states []readerState) error {
	raw := make([]rawState, len(states))
	for i, s := range states {
		name, err := syscall.UTF16PtrFromString(s.name)
		if err != nil {
			return err
		}
		raw[i] = rawState{Reader: name, Current: s.current}
	}
	result, _, _ := getStatusChange.Call(handle, infinite, uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)))
	for i := range states {
		states[i].event = raw[i].Event
		states[i].atr = raw[i].ATR[:min(int(raw[i].ATRSize), len(raw[i].ATR))]
	}
	return check(Code(uint32(result)))
}

const (
	shareShared = 2
	anyProtocol = 1 | 2
	resetCard   = 1
)

func (l *library) reset(handle uintptr, reader string) error {
	name, err := syscall.UTF16PtrFromString(reader)
	if err != nil {
		return err
	}
	var card, active uintptr
	result, _, _ := connectCard.Call(handle, uintptr(unsafe.Pointer(name)), shareShared, anyProtocol,
		uintptr(unsafe.Pointer(&card)), uintptr(unsafe.Pointer(&active)))
	if err := check(Code(uint32(result))); err != nil {
		return err
	}
	result, _, _ = disconnectCard.Call(card, resetCard)
	return check(Code(uint32(result)))
}
