package control

import (
	"errors"
	"fmt"
	"net"
)

// folder is the folder of lock and socket under the one of the person's run.
const folder = "cpx-bridge"

// Held is the right to be the agent. It ends with Release or the process.
type Held struct {
	place    place
	lock     *lock
	listener net.Listener
	err      error
}

// Take makes this process the person's one agent. Where another process is,
// the error is a *RunningError.
//
// An agent that cannot open its control socket still runs: its error is Err.
func Take(stateDir string) (*Held, error) {
	place, err := find(stateDir)
	if err != nil {
		return nil, err
	}
	l, err := place.take()
	if err != nil {
		return nil, err
	}
	h := &Held{place: place, lock: l}
	h.listener, h.err = place.listen()
	return h, nil
}

// Err is why nobody can talk to this agent, or nil.
func (h *Held) Err() error { return h.err }

// Release lets the next agent start.
func (h *Held) Release() error {
	var err error
	if h.listener != nil {
		_ = h.listener.Close() // the server may have closed it
		err = h.place.tidy()   // before the lock goes: later it may be the next agent's
	}
	return errors.Join(err, h.lock.release())
}

// ownerError is a folder that someone else may reach.
func ownerError(path, why string) error {
	return fmt.Errorf("control: the folder %s %s", path, why)
}
