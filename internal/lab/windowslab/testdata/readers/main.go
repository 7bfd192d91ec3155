// Command readers shows what winscard.dll answers: first what single calls return, then
// the events of package pcsc. It reads a line before each step that needs the test to
// have done something.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

var (
	winscard  = windows.NewLazySystemDLL("winscard.dll")
	establish = winscard.NewProc("SCardEstablishContext")
	release   = winscard.NewProc("SCardReleaseContext")
	valid     = winscard.NewProc("SCardIsValidContext")
	cancel    = winscard.NewProc("SCardCancel")
	change    = winscard.NewProc("SCardGetStatusChangeW")
)

// state is SCARD_READERSTATEW.
type state struct {
	Reader         *uint16
	User           uintptr
	Current, Event uint32
	Size           uint32
	ATR            [36]byte
}

const infinite = 0xFFFFFFFF

func wait(context uintptr, limit uint32, name string, known uint32) (code, event uint32) {
	reader, _ := windows.UTF16PtrFromString(name)
	s := state{Reader: reader, Current: known}
	r, _, _ := change.Call(context, uintptr(limit), uintptr(unsafe.Pointer(&s)), 1)
	return uint32(r), s.Event
}

func open() (context uintptr, code uint32) {
	r, _, _ := establish.Call(2, 0, 0, uintptr(unsafe.Pointer(&context)))
	return context, uint32(r)
}

func main() {
	name := os.Args[1]
	lines := bufio.NewScanner(os.Stdin)
	print := func(what string, code uint32) { fmt.Printf("%s %08X\n", what, code) }
	c, code := open()
	print("establish", code)
	code, event := wait(c, 0, name, 0)
	print("first", code)
	print("flags", event&0xFFFF)
	code, _ = wait(c, 0, name, event&^2)
	print("unchanged", code)
	code, _ = wait(c, 50, name, event&^2)
	print("timeout", code)
	_, _, _ = cancel.Call(c)
	code, _ = wait(c, 50, name, event&^2)
	print("cancelled before", code)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for { // until the wait has begun
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				_, _, _ = cancel.Call(c)
			}
		}
	}()
	code, _ = wait(c, infinite, name, event&^2)
	close(done)
	<-ended // or it would cancel the next
	print("cancelled", code)
	code, _ = wait(c, 0, "none", 0)
	print("unknown", code)
	other, _ := open()
	r, _, _ := release.Call(other)
	print("released", uint32(r))
	r, _, _ = release.Call(other)
	print("released twice", uint32(r))
	r, _, _ = valid.Call(12345)
	print("no handle", uint32(r))
	third, _ := open()
	stopped := make(chan uint32)
	go func() { code, _ := wait(third, infinite, name, event&^2); stopped <- code }()
	fmt.Println("stop the service")
	lines.Scan()
	print("stopped", <-stopped)
	_, code = open()
	print("no service", code)
	fmt.Println("start the service")
	lines.Scan()
	ctx, end := context.WithCancel(context.Background())
	go pcsc.Watch(ctx, func(e pcsc.Event) {
		text := "event"
		for _, r := range e.Readers {
			text += fmt.Sprintf(" %v", r.Present)
		}
		if e.Err != nil {
			text = "event away"
		}
		fmt.Println(text)
	})
	lines.Scan()
	end()
}
