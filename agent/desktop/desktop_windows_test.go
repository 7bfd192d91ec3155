package desktop

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// These tests send the messages of Windows to a real window, because nothing of wine does.

var (
	procFind = user32.NewProc("FindWindowExW")
	procSend = user32.NewProc("SendMessageW")
)

const patience = time.Minute

// own is this process's window of the class, 0 where there is none.
func own(t *testing.T) windows.HWND {
	t.Helper()
	class, err := registerClass()
	if err != nil {
		t.Fatal(err)
	}
	for after := uintptr(0); ; {
		found, _, _ := procFind.Call(0, after, uintptr(unsafe.Pointer(class)), 0)
		var pid uint32
		if found == 0 {
			return 0
		}
		if _, err := windows.GetWindowThreadProcessId(windows.HWND(found), &pid); err == nil && pid == windows.GetCurrentProcessId() {
			return windows.HWND(found)
		}
		after = found
	}
}

func send(window windows.HWND, m uint32, wParam uintptr) uintptr {
	answer, _, _ := procSend.Call(uintptr(window), uintptr(m), wParam, 0)
	return answer
}

// watched is a window, and what it reported.
func watched(t *testing.T, on func(Event)) windows.HWND {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if err := Watch(ctx, on); err != nil {
		t.Fatal(err)
	}
	window := own(t)
	if window == 0 {
		t.Fatal("no window")
	}
	t.Cleanup(func() { cancel(); awaitGone(t) })
	return window
}

func awaitGone(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); own(t) != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the window stands after its end")
		}
	}
}

func next(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		t.Fatal("nothing reported")
		return Event{}
	}
}

// TestMessages: what each message of Windows means, and that nothing else means anything.
func TestMessages(t *testing.T) {
	events := make(chan Event, 10)
	window := watched(t, func(e Event) { events <- e })
	for _, c := range []struct {
		name    string
		message uint32
		wParam  uintptr
		answer  uintptr
		want    Kind
	}{
		{"WTS_CONSOLE_CONNECT", wmSessionChange, 1, 0, Resumed},
		{"WTS_CONSOLE_DISCONNECT", wmSessionChange, 2, 0, Away},
		{"WTS_REMOTE_CONNECT", wmSessionChange, 3, 0, Resumed},
		{"WTS_REMOTE_DISCONNECT", wmSessionChange, 4, 0, Away},
		{"WTS_SESSION_LOGOFF", wmSessionChange, 6, 0, Away},
		{"WTS_SESSION_LOCK", wmSessionChange, 7, 0, Away},
		{"WTS_SESSION_UNLOCK", wmSessionChange, 8, 0, Back},
		{"WTS_SESSION_REMOTE_CONTROL", wmSessionChange, 9, 0, Away},
		{"PBT_APMSUSPEND", wmPowerBroadcast, 0x04, 1, Away},
		{"PBT_APMRESUMESUSPEND", wmPowerBroadcast, 0x07, 1, Resumed},
		{"PBT_APMRESUMEAUTOMATIC", wmPowerBroadcast, 0x12, 1, Resumed},
		{"WM_ENDSESSION", wmEndSession, 1, 0, Ends},
		{"WM_CLOSE", wmClose, 0, 0, Ends},
	} {
		// First what means nothing: an end that is only asked about, or that another program
		// refused; a logon, a change of the power source; our own message from another program.
		if send(window, wmQueryEndSession, 0) != 1 {
			t.Error("the end of the session is refused")
		}
		send(window, wmEndSession, 0)
		send(window, wmSessionChange, 5)
		send(window, wmPowerBroadcast, 0x0a)
		send(window, wmStop, 0)
		if answer := send(window, c.message, c.wParam); answer != c.answer {
			t.Errorf("%s: answered %d", c.name, answer)
		}
		if e := next(t, events); e.Kind != c.want || e.Reason == "" {
			t.Errorf("%s: %v %q, want %v", c.name, e.Kind, e.Reason, c.want)
		}
	}
	if own(t) != window || len(events) > 0 {
		t.Error("the window is gone, or more was reported")
	}
}

// TestAnsweredOnceDone: the machine does not sleep, and the session not end, before what they
// end has ended; other messages never wait.
func TestAnsweredOnceDone(t *testing.T) {
	began, goOn := make(chan Event), make(chan struct{})
	window := watched(t, func(e Event) { began <- e; <-goOn })
	for _, c := range []struct {
		message uint32
		wParam  uintptr
	}{{wmPowerBroadcast, 0x04}, {wmEndSession, 1}} {
		answered := make(chan struct{})
		go func() { defer close(answered); send(window, c.message, c.wParam) }()
		<-began
		select {
		case <-answered:
			t.Errorf("message %#x is answered before its work is done", c.message)
		default:
		}
		goOn <- struct{}{}
		<-answered
	}
	send(window, wmSessionChange, 7)
	send(window, wmSessionChange, 8) // the first of them still works
	for range 2 {
		<-began
	}
	close(goOn)
}

// TestSlowEnd: work that takes too long is not waited for, since Windows would go on without
// us.
func TestSlowEnd(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	window := watched(t, func(Event) { <-never })
	send(window, wmPowerBroadcast, 0x04)
}

// TestLost: a watch whose window goes says so; one that was stopped does not.
func TestLost(t *testing.T) {
	events := make(chan Event, 10)
	const wmQuit = 0x12
	window := watched(t, func(e Event) { events <- e })
	post(window, wmQuit)
	if e := next(t, events); e.Kind != Lost {
		t.Errorf("%v %q", e.Kind, e.Reason)
	}
	awaitGone(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := Watch(ctx, func(e Event) { events <- e }); err != nil {
		t.Fatal(err)
	}
	cancel()
	awaitGone(t)
	if len(events) > 0 {
		t.Errorf("%v", <-events)
	}
}

// TestNoSessionEvents: where Windows does not report the session's events Watch says so, and
// the others are reported nevertheless.
func TestNoSessionEvents(t *testing.T) {
	events := make(chan Event, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); awaitGone(t) }()
	err := start(&watch{ctx: ctx, on: func(e Event) { events <- e }, register: func(windows.HWND) error { return windows.ERROR_ACCESS_DENIED }})
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		t.Fatalf("%v", err)
	}
	send(own(t), wmEndSession, 1)
	if e := next(t, events); e.Kind != Ends {
		t.Errorf("%v", e.Kind)
	}
}

// TestServicesLater: where Remote Desktop Services are not ready, their event is waited for,
// while the window answers as ever and the agent's start goes on.
func TestServicesLater(t *testing.T) {
	events := make(chan Event, 10)
	var tries atomic.Int32
	register := func(windows.HWND) error {
		if tries.Add(1) == 1 {
			return windows.RPC_S_INVALID_BINDING
		}
		return nil
	}
	name, err := windows.UTF16PtrFromString(`Global\TermSrvReadyEvent`)
	if err != nil {
		t.Fatal(err)
	}
	if ready, err := openReadyEvent(); err == nil {
		t.Fatalf("the event is there: %v", windows.CloseHandle(ready))
	}
	if err := servicesReady(t.Context()); !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		t.Errorf("without the event: %v", err)
	}
	event, err := windows.CreateEvent(nil, 1, 0, name)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(event)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := servicesReady(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); awaitGone(t) }()
	if err := start(&watch{ctx: ctx, on: func(e Event) { events <- e }, register: register, ready: servicesReady}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, windows.RPC_S_INVALID_BINDING) {
		t.Errorf("before they are ready: %v", err)
	}
	window := own(t)
	send(window, wmServices, 0) // of another program
	if send(window, wmQueryEndSession, 0) != 1 || tries.Load() != 1 {
		t.Errorf("%d tries", tries.Load())
	}
	send(window, wmClose, 0)
	if e := next(t, events); e.Kind != Ends {
		t.Errorf("while they are awaited: %v %q", e.Kind, e.Reason)
	}
	if err := windows.SetEvent(event); err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Kind != Heard || tries.Load() != 2 {
		t.Errorf("once they are ready: %v %q, %d tries", e.Kind, e.Reason, tries.Load())
	}
}
