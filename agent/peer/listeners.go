package peer

import (
	"net/netip"
	"strconv"
)

// Listener is a socket that listens, and who holds it, as far as the system tells this
// process. It is for people to read, and nothing is decided by it.
type Listener struct {
	Address netip.AddrPort
	PID     uint32 // 0: not known
	Own     bool   // of the person this process runs for, in the same session
	Account string // of the process, by its SID, "" where this process may not read it
	Session string // of the process, a number, "" where it is not known
	Image   string // its path; of a process that is closed to this one its file's name; "" where neither is known
}

// listed is what the system's list of all processes has of one of them. It is there for
// everybody to read, also of processes that cannot be opened.
type listed struct {
	image   string // the file's name alone
	session string
}

// everyone lists the processes of this system.
type everyone interface {
	list() (map[uint32]listed, error)
}

// rowListens is MIB_TCP_STATE_LISTEN (tcpmib.h).
const rowListens = 2

// listeners are the sockets that listen, over IPv4 and IPv6. Without IPv6 there may be
// no such table.
func (l *lookup) listeners(all everyone) ([]Listener, error) {
	var rows []row
	listens := func(r row) {
		if r.state == rowListens {
			rows = append(rows, r)
		}
	}
	if err := l.rows(false, listens); err != nil {
		return nil, err
	}
	_ = l.rows(true, listens)
	names, _ := all.list() // whom it does not name stays unnamed
	found := make([]Listener, len(rows))
	for i, r := range rows {
		found[i] = l.listener(r, names[r.pid])
	}
	return found, nil
}

func (l *lookup) listener(r row, name listed) Listener {
	found := Listener{Address: r.local, PID: r.pid, Session: name.session, Image: name.image}
	if r.pid == 0 {
		return Listener{Address: r.local}
	}
	p, err := l.open(r.pid)
	if err != nil {
		return found // another account's, or ended
	}
	defer p.close()
	if image := p.image(); image != "" {
		found.Image = image
	}
	if who, err := p.person(); err == nil && p.id() == r.pid {
		found.Account, found.Session, found.Own = who.SID, sessionName(who.Session), who.Same(l.self)
	}
	return found
}

func sessionName(number uint32) string { return strconv.FormatUint(uint64(number), 10) }
