package everyone

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// memory keeps the sessions from before a program is replaced until after that.
type memory interface {
	// store replaces what is stored; no names store nothing.
	store(names []string) error
	// drain returns what is stored, and nothing is from then on.
	drain() (names []string, err error)
}

// services is the session of Windows' services, in which nobody is logged in.
const services = 0

// remember keeps the sessions in which processes run, each once.
func remember(m memory, sessions []uint32) error {
	var names []string
	for _, session := range slices.Compact(slices.Sorted(slices.Values(sessions))) {
		if session != services {
			names = append(names, strconv.FormatUint(uint64(session), 10))
		}
	}
	return m.store(names)
}

// resume starts an agent in each of the sessions that are kept: in one although another's
// cannot be started, as of somebody who has signed out meanwhile. What is kept is gone before
// the first start, so that none is started twice.
func resume(m memory, start func(session uint32) error) error {
	names, err := m.drain()
	errs := []error{err}
	for _, name := range names {
		session, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("everyone: %q is no session: %w", name, err))
			continue
		}
		errs = append(errs, start(uint32(session)))
	}
	return errors.Join(errs...)
}
