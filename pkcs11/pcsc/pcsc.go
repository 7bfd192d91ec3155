// Package pcsc watches smart card readers through the system's PC/SC service
// (PC/SC Workgroup, part 5; winscard.h), and resets cards. It sends no command
// to a card and knows nothing of PKCS#11.
//
// The service's library is loaded when it is first needed, so that a program
// runs without it; [ErrNoLibrary] and [ErrNoService] say so, and [ErrRefused] that one may not use it. All functions may be
// called concurrently.
package pcsc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Code is a PC/SC return value.
type Code uint32

func (c Code) Error() string { return fmt.Sprintf("pcsc: 0x%08X", uint32(c)) }

// The return values that are decided on.
const (
	codeCancelled      Code = 0x80100002
	codeTimeout        Code = 0x8010000A
	codeUnknownReader  Code = 0x80100009
	codeNoService      Code = 0x8010001D
	codeServiceStopped Code = 0x8010001E
	codeNoReaders      Code = 0x8010002E
	codeNoCard         Code = 0x8010000C
	codeRemoved        Code = 0x80100069
	codeNoAccess       Code = 0x80100027
	codeSecurity       Code = 0x8010006A
	codeInvalidHandle  Code = 0x80100003
	codeSystemCancel   Code = 0x80100012
	codeShutdown       Code = 0x80100018
)

// ErrNoLibrary says that the system has no PC/SC library.
var ErrNoLibrary = errors.New("pcsc: there is no PC/SC library")

// ErrNoService says that the PC/SC service does not run.
var ErrNoService = errors.New("pcsc: the PC/SC service does not answer")

// ErrRefused says that the service runs and does not serve this session: polkit lets
// those use cards who sit at the computer, not who is connected from elsewhere.
var ErrRefused = errors.New("pcsc: the PC/SC service refuses this session")

// ErrUnknownReader says that the service knows no reader of that name, or that
// there is no card in it.
var ErrUnknownReader = errors.New("pcsc: no such reader, or no card in it")

// check types what the service's library returned.
func check(c Code) error {
	switch c {
	case 0:
		return nil
	case codeNoService, codeServiceStopped,
		// What Windows gives for a context that ended with the service, the desktop session or
		// the remote desktop that it was made in: a new one is to be made.
		codeSystemCancel, codeShutdown, codeInvalidHandle:
		return fmt.Errorf("%w: %w", ErrNoService, c)
	case codeSecurity, codeNoAccess:
		return fmt.Errorf("%w: %w", ErrRefused, c)
	}
	return c
}

// Reader is a reader and what is in it.
type Reader struct {
	Name    string
	Present bool   // a card is in it
	Count   uint16 // insertions and removals so far, where the service counts them
}

// Event is the state of all readers after a change.
type Event struct {
	Readers []Reader
	// Restarted is set for the first event after the service was away.
	Restarted bool
	// Err says why there is no service; the readers are unknown then.
	Err error
}

// The flags of a reader's state.
const (
	stateUnaware uint32 = 0x0000
	stateUnknown uint32 = 0x0004
	statePresent uint32 = 0x0020
	stateChanged uint32 = 0x0002
)

// pnp is the name under which the service reports readers that come and go.
const pnp = `\\?PnP?\Notification`

// readerState is one line of SCardGetStatusChange.
type readerState struct {
	name           string
	current, event uint32
	atr            []byte // the answer to reset of the card that is in it
}

// Pauses between two tries to reach a service that is away.
const (
	firstPause = 500 * time.Millisecond
	longPause  = 30 * time.Second
)

// Watch calls changed for the state at the beginning and after each change,
// until ctx ends. It blocks in the service meanwhile and costs nothing; where
// there is no service it tries again with growing pauses, and on Windows at once when
// the service begins.
func Watch(ctx context.Context, changed func(Event)) {
	pause := firstPause
	away := false
	for ctx.Err() == nil {
		reached, err := session(ctx, away, changed)
		if ctx.Err() != nil {
			return
		}
		if reached {
			pause, away = firstPause, false
		}
		if !away {
			changed(Event{Err: err})
		}
		away = true
		awaitService(ctx, pause)
		pause = min(2*pause, longPause)
	}
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// Readers is what the service says now: ErrNoLibrary, ErrNoService, ErrRefused, or
// the error of ctx. It costs no wait for a change.
func Readers(ctx context.Context) ([]Reader, error) {
	type answer struct {
		readers []Reader
		err     error
	}
	done := make(chan answer, 1)
	go func() {
		list, err := Now()
		done <- answer{list, err}
	}()
	select {
	case a := <-done:
		return a.readers, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// session watches until the service goes away; reached reports whether it was
// there.
func session(ctx context.Context, restarted bool, changed func(Event)) (reached bool, err error) {
	lib, err := load()
	if err != nil {
		return false, err
	}
	handle, err := lib.establish()
	if err != nil {
		return false, err
	}
	defer lib.release(handle)
	ended := make(chan struct{})
	defer close(ended)
	go cancelWhenDone(ctx, lib, handle, ended)
	var known []readerState
	for {
		names, err := lib.readers(handle)
		if err != nil {
			return reached, err
		}
		states := merge(known, names)
		if known == nil && len(names) == 0 {
			// No wait would end because there is no reader.
			changed(event(nil, restarted))
			known, restarted, reached = states, false, true
		}
		if known != nil && len(event(states[1:], false).Readers) < len(event(known[1:], false).Readers) {
			// A reader went while nobody waited: no wait would end.
			changed(event(states[1:], restarted))
			known, restarted = slices.Clone(states), false // the wait changes its own
		}
		entered := make(chan struct{})
		go compareOnceBlocked(lib, handle, names, entered)
		err = wait(lib, handle, states)
		close(entered)
		var code Code
		switch {
		case ctx.Err() != nil:
			return reached, ctx.Err()
		case errors.As(err, &code) && (code == codeUnknownReader || code == codeTimeout || code == codeCancelled):
			continue // it came or went between the two calls
		case err != nil:
			return reached, err
		}
		for i := range states {
			states[i].current = states[i].event &^ stateChanged
		}
		now := event(states[1:], restarted)
		if restarted || known == nil || !slices.Equal(now.Readers, event(known[1:], false).Readers) {
			changed(now)
			restarted = false
		}
		known, reached = states, true
	}
}

// settling is when a wait that has begun is compared with the readers there are.
var settling = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second}

// compareOnceBlocked ends a wait that began with another list of readers than
// there is: one that came after the list was made and before the wait began is
// never reported. After a few seconds no such wait is left, and nothing is asked
// any more.
func compareOnceBlocked(lib *library, handle uintptr, names []string, over <-chan struct{}) {
	for _, pause := range settling {
		select {
		case <-over:
			return
		case <-time.After(pause):
		}
		if now, err := listOnce(lib); err != nil || slices.Equal(now, names) {
			continue
		}
		for { // said again until the wait has ended: see cancelWhenDone
			lib.cancel(handle)
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// listOnce lists the readers in a context of its own: the one that waits is
// taken.
func listOnce(lib *library) ([]string, error) {
	handle, err := lib.establish()
	if err != nil {
		return nil, err
	}
	defer lib.release(handle)
	return lib.readers(handle)
}

// cancelWhenDone ends a wait. A cancel that comes just before the wait begins
// is lost, so it is said again until the wait has ended.
func cancelWhenDone(ctx context.Context, lib *library, handle uintptr, ended chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	for {
		lib.cancel(handle)
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// merge is the next wait's list: the notification of readers first, then each
// reader with the state that is known of it.
func merge(known []readerState, names []string) []readerState {
	states := []readerState{{name: pnp}}
	if len(known) > 0 {
		states[0].current = known[0].current
	}
	for _, name := range names {
		s := readerState{name: name, current: stateUnaware}
		if i := slices.IndexFunc(known, func(k readerState) bool { return k.name == name }); i > 0 {
			s.current = known[i].current
		}
		states = append(states, s)
	}
	return states
}

func event(states []readerState, restarted bool) Event {
	e := Event{Restarted: restarted}
	for _, s := range states {
		if s.current&stateUnknown == 0 && s.current != stateUnaware {
			e.Readers = append(e.Readers, Reader{Name: s.name, Present: s.current&statePresent != 0, Count: uint16(s.current >> 16)})
		}
	}
	return e
}

// ResetCard resets the card in the reader, so that it forgets every PIN that it
// was shown. Other programs that hold the card are notified (SCARD_W_RESET_CARD)
// and have to show the PIN again. It fails where another program has the reader
// for itself.
func ResetCard(reader string) error {
	lib, err := load()
	if err != nil {
		return err
	}
	handle, err := lib.establish()
	if err != nil {
		return err
	}
	defer lib.release(handle)
	names, err := lib.readers(handle)
	if err != nil {
		return err
	}
	if !slices.Contains(names, reader) {
		return ErrUnknownReader
	}
	err = lib.reset(handle, reader)
	var code Code
	if errors.As(err, &code) && (code == codeNoCard || code == codeRemoved || code == codeUnknownReader) {
		return fmt.Errorf("%w: %w", ErrUnknownReader, err)
	}
	return err
}

// State is what the service says now of one reader. It fails with ErrUnknownReader
// where there is none of that name, and asks no card.
func State(reader string) (Reader, error) {
	list, err := Now()
	if err != nil {
		return Reader{}, err
	}
	r, is := find(list, reader)
	if !is {
		return Reader{}, ErrUnknownReader
	}
	return r, nil
}

func find(list []Reader, name string) (Reader, bool) {
	i := slices.IndexFunc(list, func(r Reader) bool { return r.Name == name })
	if i < 0 {
		return Reader{}, false
	}
	return list[i], true
}

// Now is what the service says now of all readers. It waits for no change, and asks
// no card.
func Now() ([]Reader, error) {
	lib, err := load()
	if err != nil {
		return nil, err
	}
	handle, err := lib.establish()
	if err != nil {
		return nil, err
	}
	defer lib.release(handle)
	for range maxChanges {
		names, err := lib.readers(handle)
		if err != nil {
			return nil, err
		}
		states := merge(nil, names)[1:]
		// States that are not known yet are answered at once.
		for some := range slices.Chunk(states, maxEntries) {
			err = errors.Join(err, lib.statusChange(handle, some))
		}
		if code := Code(0); errors.As(err, &code) && code == codeUnknownReader {
			continue // one went between the two calls
		}
		for i := range states {
			states[i].current = states[i].event
		}
		return event(states, false).Readers, err
	}
	return nil, ErrUnknownReader
}

// maxChanges is how often readers may come or go while they are listed.
const maxChanges = 5
