package desktop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"
)

// WindowClass is the class of the window that hears of the session. Any program of the same
// person can find it and send it these messages.
const WindowClass = "CPxBridgeDesktop"

// Windows waits some two seconds for the answer to a suspend, and five for that to the end of
// a session, before it goes on without the program.
const (
	sleepLimit = 1500 * time.Millisecond
	endLimit   = 4 * time.Second
)

// sessionEvents are the codes of WM_WTSSESSION_CHANGE (wtsapi32.h).
var sessionEvents = map[uintptr]Event{
	1: {Resumed, "this session at the console"},         // WTS_CONSOLE_CONNECT
	2: {Away, "another session at the console"},         // WTS_CONSOLE_DISCONNECT
	3: {Resumed, "remote desktop connected"},            // WTS_REMOTE_CONNECT
	4: {Away, "remote desktop disconnected"},            // WTS_REMOTE_DISCONNECT
	6: {Away, "logged off"},                             // WTS_SESSION_LOGOFF
	7: {Away, "locked"},                                 // WTS_SESSION_LOCK
	8: {Back, "unlocked"},                               // WTS_SESSION_UNLOCK
	9: {Away, "this session is watched from elsewhere"}, // WTS_SESSION_REMOTE_CONTROL: it begins or ends
}

// powerEvents are those of WM_POWERBROADCAST (winuser.h).
var powerEvents = map[uintptr]Event{
	0x04: {Away, "sleep"},       // PBT_APMSUSPEND
	0x12: {Resumed, "woken up"}, // PBT_APMRESUMEAUTOMATIC, after each sleep
	0x07: {Resumed, "woken up"}, // PBT_APMRESUMESUSPEND, once somebody is there
}

// Watch calls on for each event, until ctx ends. It returns once it listens. The events come
// to a window that nobody sees, on a thread of its own (WM_WTSSESSION_CHANGE,
// WM_POWERBROADCAST, WM_ENDSESSION). Where Windows does not report what becomes of the session
// the error is ErrUnavailable, and the others are reported nevertheless. Where it is only too early
// for that, Heard follows.
func Watch(ctx context.Context, on func(Event)) error {
	return start(&watch{ctx: ctx, on: on, register: registerSession, ready: servicesReady})
}

// watch is one caller's window.
type watch struct {
	ctx      context.Context
	on       func(Event)
	register func(windows.HWND) error
	ready    func(context.Context) error // waits for Remote Desktop Services
	awaited  atomic.Bool                 // they were waited for, and are there: register once more
}

// start returns once the window hears of the session, or cannot.
func start(w *watch) error {
	opened := make(chan error, 1)
	go w.run(opened)
	return <-opened
}

// run is the window's thread: a window's messages come to the one that made it.
func (w *watch) run(opened chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the window's goroutine
	window, err := createWindow(w)
	if err != nil {
		opened <- fmt.Errorf("%w: %w", ErrUnavailable, err)
		return
	}
	stop := context.AfterFunc(w.ctx, func() { post(window, wmStop) })
	defer stop()
	err = w.register(window)
	if errors.Is(err, windows.RPC_S_INVALID_BINDING) {
		go w.awaitServices(window) // not here: the window would answer nothing meanwhile
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	opened <- err
	pump()
	forget(window)
	if w.ctx.Err() == nil {
		w.on(Event{Lost, "the window is gone"})
	}
}

// received answers a message; handled is false for those that are Windows' own affair.
func (w *watch) received(window windows.HWND, m uint32, wParam uintptr) (answer uintptr, handled bool) {
	switch m {
	case wmStop:
		if w.ctx.Err() != nil { // else another program sent it
			destroy(window)
		}
		return 0, true
	case wmServices:
		if w.awaited.Swap(false) && w.register(window) == nil {
			w.report(Event{Heard, "Remote Desktop Services are ready"}, 0)
		}
		return 0, true
	case wmQueryEndSession:
		return 1, true // at once: what ends here ends with WM_ENDSESSION
	case wmEndSession:
		if wParam != 0 { // else another program refused, and the session goes on
			w.report(Event{Ends, "the desktop session ends"}, endLimit)
		}
		return 0, true
	case wmClose: // taskkill without /F sends it
		w.report(Event{Ends, "asked to close"}, 0)
		return 0, true
	case wmSessionChange:
		if e, known := sessionEvents[wParam]; known {
			w.report(e, 0)
		}
		return 0, true
	case wmPowerBroadcast:
		if e, known := powerEvents[wParam]; known {
			limit := time.Duration(0)
			if e.Kind == Away {
				limit = sleepLimit // the machine sleeps once this is answered
			}
			w.report(e, limit)
		}
		return 1, true
	}
	return 0, false
}

// report calls on and waits for it, for a limited time: it may wait for a card, and Windows
// goes on without a program whose window does not answer.
func (w *watch) report(e Event, limit time.Duration) {
	done := make(chan struct{})
	go func() { defer close(done); w.on(e) }()
	if limit == 0 {
		return
	}
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// watches are those whose window stands.
var watches struct {
	sync.Mutex
	of map[windows.HWND]*watch
}

func watchOf(window windows.HWND) *watch {
	watches.Lock()
	defer watches.Unlock()
	return watches.of[window]
}

func remember(window windows.HWND, w *watch) {
	watches.Lock()
	defer watches.Unlock()
	if watches.of == nil {
		watches.of = map[windows.HWND]*watch{}
	}
	watches.of[window] = w
}

func forget(window windows.HWND) {
	watches.Lock()
	defer watches.Unlock()
	delete(watches.of, window)
}

// servicesLimit is how long Remote Desktop Services are waited for.
const servicesLimit = 10 * time.Second

// awaitServices has the window registered once more. WTSRegisterSessionNotification fails
// early after the system's start with RPC_S_INVALID_BINDING, until the event
// Global\TermSrvReadyEvent is set, as Microsoft documents.
func (w *watch) awaitServices(window windows.HWND) {
	ctx, cancel := context.WithTimeout(w.ctx, servicesLimit)
	defer cancel()
	if w.ready(ctx) == nil {
		w.awaited.Store(true)
		post(window, wmServices)
	}
}

// servicesReady returns once the event is set.
func servicesReady(ctx context.Context) error {
	ready, err := openReadyEvent()
	if err != nil {
		return err
	}
	defer windows.CloseHandle(ready)
	for ctx.Err() == nil {
		event, err := windows.WaitForSingleObject(ready, 100)
		if err != nil {
			return err
		}
		if event == windows.WAIT_OBJECT_0 {
			return nil
		}
	}
	return ctx.Err()
}
