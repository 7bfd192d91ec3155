// Package peer finds who owns the other end of a loopback TCP connection.
//
// Owner and Check may be called concurrently. They never guess: what they cannot establish
// with certainty is an error, and callers refuse the connection. Which program connects is
// for people to read, and is looked up only when somebody wants to read it.
//
// What is guaranteed of an identity that is the same person's:
//
//   - On Linux the kernel names the user who made the connecting socket (sock_diag(7)).
//     Whoever holds it later is not known.
//   - On Windows exactly one established row of the system's table has the connection's two
//     addresses, and names a process. That process was held while the table was read a
//     second time with the same row, had not ended, and is not younger than the socket where
//     the table says since when that is; its token names this process's user and session. The
//     table names who made a socket: whoever holds it later is not known. Where it gives no
//     time, a process that has come to have the number of an ended one passes for that one.
package peer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// Why nobody's connection can be checked on this system, as Check reports it; a
// server must then refuse to serve. Why and Next have their texts.
var (
	// ErrUnsupported says that there is no check for this platform yet.
	ErrUnsupported = errors.New("peer: no check of the connecting user on this platform yet")
	// ErrForbidden says that a container, a service manager or a security policy
	// keeps this process from asking the kernel.
	ErrForbidden = errors.New("peer: cannot check who connects: asking the kernel is forbidden here")
	// ErrNoSockDiag says that this kernel does not know the question at all.
	ErrNoSockDiag = errors.New("peer: cannot check who connects: this kernel has no sock_diag")
	// ErrNoModule says that the kernel lacks the part that knows TCP connections.
	ErrNoModule = errors.New("peer: cannot check who connects: this kernel has no tcp_diag, or cannot load it")
	// ErrNoLoopback says that no connection to this machine itself could be made.
	ErrNoLoopback = errors.New("peer: cannot check who connects: no connection on the loopback addresses")
	// ErrIntercepted says that another process answers, or dials, in this one's stead.
	ErrIntercepted = errors.New("peer: cannot check who connects: another process stands in the connections to this machine itself")
	// ErrVirtualLoopback says that this session has a loopback address of its own.
	ErrVirtualLoopback = errors.New("peer: cannot check who connects: virtual loopback")
	// ErrLoopbackCut says that something ends or swallows connections to this machine.
	ErrLoopbackCut = errors.New("peer: cannot check who connects: connections to this machine itself are cut")
)

// Identity is the owner of the connecting socket. The zero value is nobody's, and never
// the person's.
type Identity struct {
	samePerson   bool
	otherSession bool // of the same account
	account      slog.Attr
	process      slog.Attr
	program      *program // nil: nobody can tell
}

// SamePerson reports whether the socket belongs to the person this process runs for. On
// Linux that is the same user, where OwnerInSession found it not in another desktop session;
// on Windows the same user in the same session.
func (i Identity) SamePerson() bool { return i.samePerson }

// Refusal is the log's reason to refuse who is not the person.
func (i Identity) Refusal() string {
	if i.otherSession {
		return "peer_other_session"
	}
	return "peer_other_user"
}

// Account names the owner in the log, as the system does: an attribute that nobody can
// choose at will.
func (i Identity) Account() slog.Attr { return i.account }

// Process names the owner's process in the log, where it is known; else it is the zero
// attribute, which no log shows.
func (i Identity) Process() slog.Attr { return i.process }

// Caller is who sends requests: made once at the gate and carried along.
type Caller struct {
	Origin string // as the browser states it; whether it is allowed is checked at each request
	Identity
}

// Self is the person of this process, with the look-up of what the processes run that hold
// the socket; nil: nobody can tell.
func Self(holders func(context.Context) []programname.File) Identity {
	i := Identity{samePerson: true}
	if holders != nil {
		i.program = &program{holders: holders, found: make(chan struct{})}
	}
	return i
}

// OtherUser is anyone else, under the names that the log has for account and process.
func OtherUser(account, process slog.Attr) Identity {
	return Identity{account: account, process: process}
}

// OtherSession is a program of this user's in another desktop session, which the log names so.
func OtherSession(session slog.Attr) Identity { return Identity{otherSession: true, account: session} }

// program is the look-up of a program, made once.
type program struct {
	holders func(context.Context) []programname.File
	once    sync.Once
	found   chan struct{} // closed when the look-up has ended

	mu   sync.Mutex
	list programname.Programs
}

// programLimit bounds a look-up, which reads what all the person's processes hold: a
// dialog waits for it.
const programLimit = 500 * time.Millisecond

// Programs are those that hold the connecting socket, none where that cannot be told.
// They are looked up at the first call, or that of FindPrograms, and once for each connection,
// and are who holds the socket at that moment: a program can hand its socket to another one, or run another one
// in its place. So they help a person to recognise a request, and prove nothing. Where
// time ends before their names are found, they have their paths.
func (i Identity) Programs(ctx context.Context) programname.Programs {
	if i.program == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	i.FindPrograms()
	select {
	case <-i.program.found:
	case <-ctx.Done(): // something may be there
	}
	return i.Seen()
}

// FindPrograms begins what Programs waits for, which takes as long as this person's processes hold
// files. It is for a request that is about to ask.
func (i Identity) FindPrograms() {
	if i.program != nil {
		i.program.once.Do(func() { go i.program.find() })
	}
}

// find has a limit of its own, and so outlives a caller who goes: the next one wants
// the same name.
func (p *program) find() {
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	defer cancel()
	files := p.holders(ctx)
	p.set(programname.Unnamed(files))
	p.set(programname.Of(ctx, files))
	close(p.found)
}

func (p *program) set(list programname.Programs) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = list
}

// Seen is what Programs has found so far, none where nobody has asked yet. It looks
// nothing up.
func (i Identity) Seen() programname.Programs {
	if i.program == nil {
		return nil
	}
	i.program.mu.Lock()
	defer i.program.mu.Unlock()
	return i.program.list
}
