// Package control makes sure that a person has one agent, and lets that
// person's own programs talk to it: the command line, and a second start.
//
// [Acquire] makes this process the one agent, or reports which process is. A
// [Server] then answers on the control socket (a named pipe on Windows); [Call]
// calls it. Both may be used from any goroutine. The kernel holds the lock and
// drops it with the process, so that no leftover of one agent stops the next.
//
// The socket serves the same user only, and each side checks the other. It
// carries no PIN and no signature, and never makes the agent ask for one.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is the version of the protocol, which each message carries.
const Version = 1

// The bounds of the protocol.
const (
	maxRequest = 64 << 10 // bytes of one line to the agent
	maxAnswer  = 1 << 20  // bytes of one line from it
	maxConns   = 32       // open connections; the oldest idle one is closed first

	lineLimit = 5 * time.Second  // to receive a request, and to send an answer
	callLimit = 10 * time.Second // for a method
)

// The codes of an [Error].
const (
	CodeParse         = "parse_error"    // not one JSON object on one line
	CodeTooLong       = "too_long"       // a line longer than the bound
	CodeVersion       = "version"        // another version of the protocol
	CodeUnknownMethod = "unknown_method" //
	CodeInvalidParams = "invalid_params" //
	CodeStarting      = "starting"       // the agent is not ready yet
	CodeStopping      = "ending"         // the agent ends, so that another may start
	CodeFailed        = "failed"         // the method ran and failed
	CodeNoSpace       = "no_space"       // it failed because the disk is full
)

// Error is an error that the agent answered.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("control: %s: %s", e.Code, e.Message) }

// Is matches any error of the same code where target has no message.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && other.Message == ""
}

var (
	// ErrNoAgent says that no agent runs.
	ErrNoAgent = errors.New("control: no agent runs")
	// ErrNoAnswer says that one runs, but answered badly or not in time.
	ErrNoAnswer = errors.New("control: the agent does not answer")
	// ErrNoSpace says that the agent could not save something: the disk is full.
	ErrNoSpace = &Error{Code: CodeNoSpace}
	// ErrOtherUser says that the other side belongs to another user.
	ErrOtherUser = errors.New("control: the other side belongs to another user")
)

// RunningError says that another process is the agent.
type RunningError struct{ PID int } // 0: not known

func (e *RunningError) Error() string {
	return fmt.Sprintf("control: another agent runs (process %d)", e.PID)
}

// request is a line to the agent.
type request struct {
	Version int             `json:"v"`
	ID      int64           `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// answer is a line from it.
type answer struct {
	Version int             `json:"v"`
	ID      int64           `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}
