package window

/*
#cgo CFLAGS: -Wall
#cgo pkg-config: gtk+-3.0 x11
#include <stdlib.h>
#include "window.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/gtk"
	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// Command is the command that starts this program as a window's process, for
// prompt.Options. It is nil where the program's path is unknown.
func Command() []string {
	line, err := role.DialogWindow.CommandLine()
	if err != nil {
		return nil
	}
	return line
}

// RunChildRole makes this program the process of one window where its arguments say
// so, and then never returns. A program that passes Command to a Prompter must call it
// first in main.
func RunChildRole() {
	if _, asked := role.DialogWindow.Asked(0, 0); !asked {
		return
	}
	_ = nodump.Set()       // nobody else is to read a PIN or a holder's name here, nor a core dump to hold it
	runtime.LockOSThread() // the toolkit is for one thread
	requests := make(chan dialog.Request, 1)
	loaded := make(chan struct{}) // closed once the toolkit may be called
	go receive(json.NewDecoder(os.Stdin), requests, loaded)
	r := <-requests
	if err := gtk.Load(false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(role.ExitNoToolkit)
	}
	close(loaded)
	if C.cpx_display() == 0 {
		os.Exit(role.ExitNoDisplay)
	}
	for {
		present(r)
		r = serve(r, requests)
	}
}

// receive reads requests until the agent closes its end, or has ended.
func receive(in *json.Decoder, requests chan<- dialog.Request, loaded <-chan struct{}) {
	for first := true; ; {
		var r dialog.Request
		err := in.Decode(&r)
		switch {
		case errors.Is(err, io.EOF) && !first:
			os.Exit(role.ExitDone)
		case err == nil && r.Front && first: // of a question that is on its way, whose window is new
			continue
		case err == nil && r.Front:
			<-loaded
			C.cpx_front()
			continue
		case err != nil || len(r.Buttons) == 0 && !r.Passes:
			os.Exit(role.ExitMisused)
		}
		requests <- r
		if !first {
			<-loaded
			C.cpx_wake()
		}
		first = false
	}
}

// serve answers a request, and returns the next one.
func serve(r dialog.Request, requests <-chan dialog.Request) dialog.Request {
	for {
		var row C.int
		answer := dialog.Answer{ID: r.ID, Answer: dialog.Cancel}
		switch C.cpx_run(&row) {
		case C.CPX_NEXT:
			return <-requests
		case C.CPX_OK:
			answer.Answer, answer.Row = dialog.OK, int(row)
			if r.Entry != nil {
				answer.Length = int(C.cpx_pin_length())
			}
		case C.CPX_NEVER:
			answer.Answer = dialog.Never
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil || answer.Length > 0 && C.cpx_pin_write(1) == 0 {
			os.Exit(role.ExitMisused)
		}
	}
}

// strs are texts for C, freed together, because the toolkit copies them.
type strs []*C.char

// clean is a text as the toolkit gets it: a zero byte would end it early, and only UTF-8
// is accepted. The agent sends neither.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

func (s *strs) c(text string) *C.char {
	p := C.CString(clean(text))
	*s = append(*s, p)
	return p
}

func (s *strs) free() {
	for _, p := range *s {
		C.free(unsafe.Pointer(p))
	}
}

var answers = map[string]C.int{dialog.OK: C.CPX_OK, dialog.Cancel: C.CPX_CANCEL, dialog.Copy: C.CPX_COPY, dialog.Never: C.CPX_NEVER}

func present(r dialog.Request) {
	var s strs
	defer s.free()
	C.cpx_begin(C.int(r.ID), s.c(r.Title), s.c(spoken(r)), millis(r.Quiet), flag(r.Passes), flag(r.Busy), flag(r.Entry != nil))
	if r.Origin != "" {
		from, to := marked(r)
		C.cpx_header(s.c(r.Site), s.c(r.Origin), C.int(from), C.int(to), s.c(r.Program), flag(r.Path))
	}
	for i, line := range r.Holder {
		C.cpx_holder(s.c(line), flag(i == 0))
	}
	if r.Wrong != "" && r.Entry == nil {
		C.cpx_wrong(s.c(r.Wrong))
	}
	if r.Final != "" {
		C.cpx_final(s.c(r.Final))
	}
	for _, text := range r.Alerts {
		C.cpx_alert(s.c(text))
	}
	if r.Text != "" {
		C.cpx_text(s.c(r.Text))
	}
	if e := r.Entry; e != nil {
		C.cpx_entry(C.int(e.Least), C.int(e.Most), flag(e.Continues), millis(e.Release), s.c(e.Length), s.c(e.Typed), s.c(e.Early), s.c(e.CapsLock), s.c(around(r)))
		C.cpx_wrong(s.c(r.Wrong))
		C.cpx_entry_away(s.c(e.Away))
	}
	if r.Hint != "" {
		C.cpx_hint(s.c(r.Hint))
	}
	if len(r.Rows) > 0 {
		C.cpx_list()
		for _, row := range r.Rows {
			C.cpx_row(s.c(row.Name), s.c(row.Detail), s.c(row.Note), s.c(row.Spoken))
		}
	}
	if r.Body != "" {
		C.cpx_body(s.c(r.Body))
	}
	for _, b := range r.Buttons {
		C.cpx_button(s.c(b.Label), s.c(b.Done), s.c(b.Copies), answers[b.Answer], flag(b.Default))
	}
	C.cpx_show()
}

// around are the warnings beside an entry, but for what was wrong with the last one.
func around(r dialog.Request) string {
	r.Wrong = ""
	return strings.Join(r.Warnings(), "\n")
}

// marked is the position of the domain in the origin as the toolkit gets it, or all of
// the origin.
func marked(r dialog.Request) (from, to int) {
	origin, domain := clean(r.Origin), clean(r.Domain)
	if from = strings.LastIndex(origin, domain); domain == "" || from < 0 {
		return 0, len(origin)
	}
	return from, from + len(domain)
}

// millis is a time within what the toolkit's timer can wait: a longer one would come out
// as none.
func millis(n int) C.int { return C.int(min(max(n, 0), math.MaxInt32)) }

// spoken is what a screen reader reads when the window opens.
func spoken(r dialog.Request) string {
	var parts []string
	for _, part := range slices.Concat([]string{r.Site, r.Origin, r.Program}, r.Holder, r.Warnings(), []string{r.Text, r.Hint}) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n")
}

func flag(set bool) C.int {
	if set {
		return 1
	}
	return 0
}
