package control

import (
	"errors"
	"fmt"
	"net"
)

// folder is the folder of lock and socket, inside the person's runtime folder.
const folder = "cpx-bridge"

// Held is the right to be the agent. It ends with Release or with the process.
type Held struct {
	instance instance
	lock     *lock
	listener net.Listener
	err      error
}

// Acquire makes this process the person's one agent. Where another process is,
// the error is a *RunningError.
//
// An agent that cannot open its control socket still runs; Err returns why.
func Acquire(stateDir string) (*Held, error) {
	instance, err := find(stateDir)
	if err != nil {
		return nil, err
	}
	l, err := instance.acquire()
	if err != nil {
		return nil, err
	}
	h := &Held{instance: instance, lock: l}
	h.listener, h.err = instance.listen(l)
	return h, nil
}

// Err is why no program can call this agent, or nil.
func (h *Held) Err() error { return h.err }

// Release lets the next agent start.
func (h *Held) Release() error {
	var err error
	if h.listener != nil {
		_ = h.listener.Close()  // the server may have closed it
		err = h.instance.tidy() // before the lock is released: later the socket may be the next agent's
	}
	return errors.Join(err, h.lock.release())
}

// ownerError is the error of a folder that others may reach.
func ownerError(path, why string) error {
	return fmt.Errorf("control: the folder %s %s", path, why)
}
