package pcsc

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// asStarted has an event of the test's stand for the service's.
func asStarted(t *testing.T) windows.Handle {
	t.Helper()
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := startedEvent
	startedEvent = func() (windows.Handle, func()) { return event, func() {} }
	t.Cleanup(func() { startedEvent = before; _ = windows.CloseHandle(event) })
	return event
}

// TestAwaitService: a service that begins ends the wait for it, as the end of the watch does;
// one that runs already, and refuses, is waited for as long as any.
func TestAwaitService(t *testing.T) {
	event := asStarted(t)
	done := make(chan struct{})
	await := func(ctx context.Context, pause time.Duration) {
		go func() { awaitService(ctx, pause); done <- struct{}{} }()
	}
	real := waitForEither
	defer func() { waitForEither = real }()
	waitForEither = func(events []windows.Handle, all bool, limit uint32) (uint32, error) {
		if err := windows.SetEvent(event); err != nil { // the service begins once it is waited for
			t.Error(err)
		}
		return real(events, all, limit)
	}
	await(t.Context(), time.Hour)
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the service began, and nothing happens")
	}
	waitForEither = real
	ctx, cancel := context.WithCancel(t.Context())
	await(ctx, time.Hour) // it is set already
	select {
	case <-done:
		t.Error("a service that refuses is asked without a pause")
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	<-done
	if err := windows.ResetEvent(event); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	await(ctx, time.Hour)
	cancel()
	<-done
	await(t.Context(), time.Millisecond)
	<-done
	startedEvent = func() (windows.Handle, func()) { return 0, func() {} }
	await(t.Context(), time.Millisecond)
	<-done
}

// TestStartedEvent asks the system's own library: it has the functions, and what it gives,
// where it gives one, can be waited for.
func TestStartedEvent(t *testing.T) {
	if err := winscard.Load(); err != nil {
		t.Fatal(err)
	}
	for _, function := range []*windows.LazyProc{accessStarted, releaseStarted} {
		if err := function.Find(); err != nil {
			t.Error(err)
		}
	}
	event, release := startedEvent()
	defer release()
	if event == 0 {
		return // wine 8 has none
	}
	if state, err := windows.WaitForSingleObject(event, 0); err != nil {
		t.Errorf("event %#x: %d, %v", event, state, err)
	}
}
