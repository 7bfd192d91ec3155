package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// tables reads the system's tables of connections, as bytes that layout knows.
type tables interface {
	read(v6 bool) ([]byte, error)
}

// processes opens the processes of this system.
type processes interface {
	open(pid uint32) (process, error)
	name(pid uint32) string // of one that cannot be opened; "" where that is not known either
}

// process is one that is held: its number cannot come to be another's meanwhile.
type process interface {
	id() uint32 // which the system opened, by its own word
	ended() (bool, error)
	person() (account.Account, error)
	created() (int64, error) // as a FILETIME
	image() string           // "" where it cannot be read
	close()
}

// lookup finds owners where the system has a table of connections with the numbers of
// their processes. A number names nobody for certain: it is another process's once the
// first has ended. So a row counts only while the process that it names is held and the
// row still names it, and where the socket is not older than that process.
type lookup struct {
	tables
	processes
	self  account.Account
	pause func(time.Duration)
}

// Why an owner is not found.
var (
	errNotTCP    = errors.New("peer: not a TCP connection")
	errNoRow     = errors.New("no such connection is established any more")
	errSeveral   = errors.New("peer: several sockets fit one connection, as where one was handed to another process")
	errNoPID     = errors.New("peer: the system does not say whose the connection is")
	errChanged   = errors.New("the connection changed meanwhile")
	errNumber    = errors.New("the system opened another process")
	errEnded     = errors.New("it has ended")
	errOlder     = errors.New("the connection is older than the process: its number was another's, or the clock was set back")
	errNobody    = errors.New("it runs for nobody")
	errNoSelf    = errors.New("peer: this process runs for nobody")
	lookupPauses = []time.Duration{10 * time.Millisecond, 30 * time.Millisecond}
	// A client cannot have its row without a process, as it can close at once: these may last.
	nobodyPauses = []time.Duration{10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond}
)

// processError is a look-up that came to a process and no further.
type processError struct {
	pid   uint32
	image string
	err   error
}

func (e *processError) Error() string {
	return fmt.Sprintf("peer: process %s: %v", processName(e.pid, e.image), e.err)
}

func (e *processError) Unwrap() error { return e.err }

// processName is a process as the log and people read it.
func processName(pid uint32, image string) string {
	if image == "" {
		return strconv.FormatUint(uint64(pid), 10)
	}
	return strconv.FormatUint(uint64(pid), 10) + " (" + image + ")"
}

// owner finds the owner of the other end, and the number of its process: local is the
// listener's side, remote the peer's.
func (l *lookup) owner(local, remote netip.AddrPort) (Identity, uint32, error) {
	if !local.IsValid() || !remote.IsValid() {
		return Identity{}, 0, errNotTCP
	}
	if l.self.SID == "" {
		return Identity{}, 0, errNoSelf
	}
	r, err := l.find(local, remote)
	switch {
	case err != nil:
		return Identity{}, 0, err
	case r.pid == 0:
		return Identity{}, 0, errNoPID
	}
	p, err := l.open(r.pid)
	if err != nil {
		return Identity{}, 0, &processError{r.pid, l.name(r.pid), err}
	}
	defer p.close()
	who, created, err := l.held(p, r)
	if err != nil {
		return Identity{}, 0, &processError{r.pid, p.image(), err}
	}
	if !who.Same(l.self) {
		return OtherUser(slog.String("account", who.String()),
			slog.String("process", processName(r.pid, p.image()))), r.pid, nil
	}
	return Self(func(context.Context) []programname.File { return l.program(r.pid, created) }), r.pid, nil
}

// held reads who a process runs for, and since when it does, once it is certain that it
// is the one that the row names.
func (l *lookup) held(p process, r row) (who account.Account, created int64, err error) {
	if p.id() != r.pid {
		return account.Account{}, 0, errNumber // Windows passes over the lowest two bits of a number
	}
	same, _, err := l.established(r.remote, r.local)
	if err != nil {
		return account.Account{}, 0, err
	}
	switch {
	case len(same) == 0:
		return account.Account{}, 0, errNoRow
	case len(same) > 1 || same[0] != r:
		return account.Account{}, 0, errChanged
	}
	// After the table: a process that runs now has run all the time that it was held.
	ended, err := p.ended()
	switch {
	case err != nil:
		return account.Account{}, 0, err
	case ended:
		return account.Account{}, 0, errEnded
	}
	if created, err = p.created(); err != nil {
		return account.Account{}, 0, err
	}
	if r.created != 0 && r.created < created {
		return account.Account{}, 0, errOlder
	}
	if who, err = p.person(); err == nil && who.SID == "" {
		err = errNobody
	}
	return who, created, err
}

// find returns the one row of the connection. The other end of one that was accepted a
// moment ago may not be in the table yet, or stand there without a process, as with Wine on
// a busy machine. So it is looked for three times within 50 ms, and its process five times
// within 400, but not where our own end is established no more: clients that close at once,
// by thousands, would else keep the person's own in the queue.
func (l *lookup) find(local, remote netip.AddrPort) (row, error) {
	for try := 0; ; try++ {
		found, open, err := l.established(local, remote)
		pauses := lookupPauses
		if len(found) == 1 {
			pauses = nobodyPauses
		}
		last := !open || try >= len(pauses)
		switch {
		case err != nil:
			return row{}, err
		case len(found) == 1 && (found[0].pid != 0 || last):
			return found[0], nil
		case len(found) > 1:
			return row{}, errSeveral
		case last:
			return row{}, fmt.Errorf("peer: %w", errNoRow)
		}
		l.pause(pauses[try])
	}
}

// established are the rows of the connection's other end: the exact pair, as another
// address may have the same ports. A socket of both families may stand in the table of
// IPv6 with a connection over IPv4. open says that our own end is established.
func (l *lookup) established(local, remote netip.AddrPort) (found []row, open bool, err error) {
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	match := func(r row) {
		switch {
		case r.state != rowEstablished:
		case r.local == remote && r.remote == local:
			found = append(found, r)
		case r.local == local && r.remote == remote:
			open = true
		}
	}
	if !remote.Addr().Is4() {
		err = l.rows(true, match)
		return found, open, err
	}
	if err = l.rows(false, match); err != nil || len(found) > 0 || !open {
		return found, open, err
	}
	_ = l.rows(true, match) // without IPv6 there may be no such table, and no such socket
	return found, open, nil
}

// rows calls do with each row of a family's table.
func (l *lookup) rows(v6 bool, do func(row)) error {
	of, name := layout4, "IPv4"
	if v6 {
		of, name = layout6, "IPv6"
	}
	table, err := l.read(v6)
	if err == nil {
		err = of.each(table, do)
	}
	if err != nil {
		return fmt.Errorf("peer: connections over %s: %w", name, err)
	}
	return nil
}

// program is what a process runs, nothing where the number has come to be another's.
func (l *lookup) program(pid uint32, created int64) []programname.File {
	p, err := l.open(pid)
	if err != nil {
		return nil
	}
	defer p.close()
	if now, err := p.created(); err != nil || now != created || p.id() != pid {
		return nil
	}
	path := strings.TrimSpace(p.image())
	if path == "" {
		return nil
	}
	return []programname.File{{Path: path}}
}
