package peer

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// played is a system as the test says. Its tables are bytes as Windows writes them.
type played struct {
	rows     map[bool][]row // of IPv6: true
	readErr  map[bool]error
	truncate int             // bytes that a table lacks at its end
	reads    int             // of either table
	onRead   func(reads int) // before each
	tasks    map[uint32]*playedTask
	held     int // not closed yet
	pauses   []time.Duration
}

// playedTask is a process of a played system.
type playedTask struct {
	who                      account.Account
	since                    int64
	over                     bool
	name                     string
	listed                   string // what everybody may read
	openErr, whoErr, overErr error
	sinceErr                 error
}

var (
	errPlayed           = errors.New("played")
	errAccessDenied     = errors.New("OpenProcess: access is denied")
	errInvalidParameter = errors.New("OpenProcess: the parameter is incorrect")
)

func (p *played) lookup() *lookup {
	return &lookup{p, p, me, func(d time.Duration) { p.pauses = append(p.pauses, d) }}
}

func (p *played) read(v6 bool) ([]byte, error) {
	p.reads++
	if p.onRead != nil {
		p.onRead(p.reads)
	}
	if err := p.readErr[v6]; err != nil {
		return nil, err
	}
	of := layout4
	if v6 {
		of = layout6
	}
	return table(of, p.rows[v6], p.truncate), nil
}

// open passes over a number's lowest two bits, as Windows does.
func (p *played) open(pid uint32) (process, error) {
	task, ok := p.tasks[pid&^3]
	switch {
	case !ok:
		return nil, errInvalidParameter
	case task.openErr != nil:
		return nil, task.openErr
	}
	p.held++
	return &heldTask{task, p, pid &^ 3}, nil
}

func (p *played) name(pid uint32) string {
	if task, ok := p.tasks[pid]; ok {
		return task.listed
	}
	return ""
}

type heldTask struct {
	*playedTask
	system *played
	number uint32
}

func (t *heldTask) id() uint32                       { return t.number }
func (t *heldTask) ended() (bool, error)             { return t.over, t.overErr }
func (t *heldTask) person() (account.Account, error) { return t.who, t.whoErr }
func (t *heldTask) created() (int64, error)          { return t.since, t.sinceErr }
func (t *heldTask) image() string                    { return t.name }
func (t *heldTask) close()                           { t.system.held-- }

// table writes rows as Windows does, with what services they belong to, and with unused
// bytes behind them.
func table(l layout, rows []row, truncate int) []byte {
	b := make([]byte, tableHeader+len(rows)*l.size)
	binary.LittleEndian.PutUint32(b, uint32(len(rows)))
	for i, r := range rows {
		b := b[tableHeader+i*l.size:][:l.size]
		for j := range b {
			b[j] = 0xA5
		}
		l.side(b, r.local, l.local, l.localPort)
		l.side(b, r.remote, l.remote, l.remotePort)
		binary.LittleEndian.PutUint32(b[l.state:], r.state)
		binary.LittleEndian.PutUint32(b[l.pid:], r.pid)
		binary.LittleEndian.PutUint64(b[l.created:], uint64(r.created))
	}
	if truncate > 0 {
		return b[:max(0, len(b)-truncate)]
	}
	return append(b, make([]byte, 300)...)
}

func (l layout) side(b []byte, at netip.AddrPort, address, port int) {
	if l.address == 16 {
		a := at.Addr().As16()
		copy(b[address:], a[:])
	} else {
		copy(b[address:], at.Addr().AsSlice())
	}
	binary.BigEndian.PutUint16(b[port:], at.Port())
}

// pathsOf are the paths of programs, with commas between them.
func pathsOf(list programname.Programs) string {
	var paths []string
	for _, p := range list {
		paths = append(paths, p.Path)
	}
	return strings.Join(paths, ", ")
}
