package pcsc

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

const libraryName = "libpcsclite.so.1"

type (
	word          uint64 // DWORD: unsigned long
	code          int64  // LONG
	contextHandle int64
)

// rawState is SCARD_READERSTATE of pcsc-lite.
type rawState struct {
	Reader   uintptr
	UserData uintptr
	Current  word
	Event    word
	ATRSize  word
	ATR      [33]byte
}

// library is pcsc-lite's client library.
type library struct {
	establishContext func(scope word, reserved1, reserved2 uintptr, handle *contextHandle) code
	releaseContext   func(handle contextHandle) code
	listReaders      func(handle contextHandle, groups uintptr, readers *byte, length *word) code
	getStatusChange  func(handle contextHandle, timeout word, states *rawState, count word) code
	cancelContext    func(handle contextHandle) code
	connect          func(handle contextHandle, reader *byte, mode, protocols word, card *contextHandle, active *word) code
	disconnect       func(card contextHandle, disposition word) code
}

var loaded struct {
	sync.Mutex
	library *library
}

// load finds the library once; one that is missing is looked for again.
func load() (*library, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.library != nil {
		return loaded.library, nil
	}
	handle, err := purego.Dlopen(libraryName, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLibrary, err)
	}
	l := &library{}
	for name, f := range map[string]any{
		"SCardEstablishContext": &l.establishContext, "SCardReleaseContext": &l.releaseContext,
		"SCardListReaders": &l.listReaders, "SCardGetStatusChange": &l.getStatusChange, "SCardCancel": &l.cancelContext,
		"SCardConnect": &l.connect, "SCardDisconnect": &l.disconnect,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLibrary, err)
		}
		purego.RegisterFunc(f, symbol)
	}
	loaded.library = l
	return l, nil
}

const scopeSystem = 2

func (l *library) establish() (uintptr, error) {
	var handle contextHandle
	err := check(Code(uint32(l.establishContext(scopeSystem, 0, 0, &handle))))
	return uintptr(handle), err
}

func (l *library) release(handle uintptr) { l.releaseContext(contextHandle(handle)) }

func (l *library) cancel(handle uintptr) { l.cancelContext(contextHandle(handle)) }

// maxNames is more than any machine's readers need.
const maxNames = 1 << 14

func (l *library) readers(handle uintptr) ([]string, error) {
	buffer := make([]byte, maxNames)
	length := word(len(buffer))
	err := check(Code(uint32(l.listReaders(contextHandle(handle), 0, &buffer[0], &length))))
	if err == codeNoReaders {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range bytes.Split(buffer[:min(int(length), len(buffer))], []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, nil
}

// infinite is a wait without end.
const infinite = 0xFFFFFFFF

func (l *library) statusChange(handle uintptr, states []readerState) error {
	raw := make([]rawState, len(states))
	names := make([][]byte, len(states))
	var pins runtime.Pinner
	defer pins.Unpin()
	for i, s := range states {
		names[i] = append([]byte(s.name), 0)
		pins.Pin(&names[i][0])
		raw[i].Reader, raw[i].Current = uintptr(unsafe.Pointer(&names[i][0])), word(s.current)
	}
	err := check(Code(uint32(l.getStatusChange(contextHandle(handle), infinite, &raw[0], word(len(raw))))))
	for i := range states {
		states[i].event = uint32(raw[i].Event)
		states[i].atr = raw[i].ATR[:min(int(raw[i].ATRSize), len(raw[i].ATR))]
	}
	return err
}

const (
	shareShared = 2
	anyProtocol = 1 | 2
	resetCard   = 1
)

func (l *library) reset(handle uintptr, reader string) error {
	name := append([]byte(reader), 0)
	var card contextHandle
	var active word
	if err := check(Code(uint32(l.connect(contextHandle(handle), &name[0], shareShared, anyProtocol, &card, &active)))); err != nil {
		return err
	}
	return check(Code(uint32(l.disconnect(card, resetCard))))
}

// awaitService only pauses: nothing tells when the service begins.
func awaitService(ctx context.Context, pause time.Duration) { sleep(ctx, pause) }
