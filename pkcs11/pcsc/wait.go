package pcsc

import (
	"errors"
	"slices"
	"time"
)

// maxEntries is how many readers one wait is for at most, the notification of
// readers among them: pcsc-lite takes 16, other services ten.
const maxEntries = 10

// wait waits for a change of one of the readers, in as many waits as they take, and
// leaves in the states what they were told. Like a single wait, it is ended by a
// cancel of the handle.
func wait(lib *library, handle uintptr, states []readerState) error {
	if len(states) <= maxEntries {
		return lib.statusChange(handle, states)
	}
	parts := slices.Collect(slices.Chunk(states, maxEntries))
	isNew := func(s readerState) bool { return s.name != pnp && s.current == stateUnaware }
	if slices.ContainsFunc(states, isNew) {
		return askNew(lib, handle, parts, isNew)
	}
	return waitForAny(lib, handle, parts)
}

// askNew asks for the readers of which nothing is known yet, which is answered at
// once. The others are as they were: whatever changed ends the next wait.
func askNew(lib *library, handle uintptr, parts [][]readerState, isNew func(readerState) bool) error {
	for _, part := range parts {
		if !slices.ContainsFunc(part, isNew) {
			unchanged(part)
			continue
		}
		if err := lib.statusChange(handle, part); err != nil {
			return err
		}
	}
	return nil
}

func unchanged(states []readerState) {
	for i := range states {
		states[i].event = states[i].current
	}
}

// result is how one of several waits ended.
type result struct {
	part int
	err  error
}

// waitForAny waits in several contexts at once. The first wait that ends ends the
// others; what these had not told ends the next ones.
func waitForAny(lib *library, handle uintptr, parts [][]readerState) error {
	handles := []uintptr{handle}
	defer func() {
		for _, own := range handles[1:] {
			lib.release(own)
		}
	}()
	for range parts[1:] {
		own, err := lib.establish()
		if err != nil {
			return err
		}
		handles = append(handles, own)
	}
	results := make(chan result, len(parts))
	for i, part := range parts {
		go func() { results <- result{i, lib.statusChange(handles[i], part)} }()
	}
	ended := make([]bool, len(parts))
	overall := settle(<-results, parts, ended)
	for slices.Contains(ended, false) {
		for i := range parts {
			if !ended[i] {
				lib.cancel(handles[i]) // said again until it has ended: see cancelWhenDone
			}
		}
		select {
		case e := <-results:
			overall = worse(overall, settle(e, parts, ended))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return overall
}

// settle notes how a wait ended. One that did not tell has its readers as they were.
func settle(e result, parts [][]readerState, ended []bool) error {
	ended[e.part] = true
	if e.err != nil {
		unchanged(parts[e.part])
	}
	return e.err
}

// worse is what the ends of two waits mean together: one that was ended by us says
// nothing, and one that lost a reader less than one that lost the service.
func worse(a, b error) error {
	rank := func(err error) int {
		var code Code
		switch {
		case err == nil:
			return 1
		case errors.As(err, &code) && code == codeCancelled:
			return 0
		case errors.As(err, &code) && (code == codeUnknownReader || code == codeTimeout):
			return 2
		}
		return 3
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
