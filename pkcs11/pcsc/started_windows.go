package pcsc

import (
	"context"
	"time"

	"golang.org/x/sys/windows"
)

var (
	accessStarted  = winscard.NewProc("SCardAccessStartedEvent")
	releaseStarted = winscard.NewProc("SCardReleaseStartedEvent")
)

// startedEvent is the event that is set while the service runs (SCardAccessStartedEvent), 0
// where there is none, and what gives it back.
var startedEvent = func() (event windows.Handle, release func()) {
	if winscard.Load() != nil || accessStarted.Find() != nil || releaseStarted.Find() != nil {
		return 0, func() {}
	}
	handle, _, _ := accessStarted.Call()
	return windows.Handle(handle), func() { _, _, _ = releaseStarted.Call() }
}

// waitForEither is a variable for tests, which have to know that a wait begins.
var waitForEither = windows.WaitForMultipleObjects

// awaitService waits for the pause, and less where the service begins meanwhile: Windows
// ends it with the last reader, and begins it with the next, which nobody should wait for
// half a minute to see.
func awaitService(ctx context.Context, pause time.Duration) {
	started, release := startedEvent()
	defer release()
	if started == 0 {
		sleep(ctx, pause)
		return
	}
	if state, err := windows.WaitForSingleObject(started, 0); err != nil || state == windows.WAIT_OBJECT_0 {
		sleep(ctx, pause) // it runs, and refuses for another reason
		return
	}
	ended, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		sleep(ctx, pause)
		return
	}
	defer windows.CloseHandle(ended)
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(set); _ = windows.SetEvent(ended) })
	defer func() {
		if !stop() {
			<-set // before the handle is another's
		}
	}()
	_, _ = waitForEither([]windows.Handle{started, ended}, false, uint32(pause.Milliseconds()))
}
