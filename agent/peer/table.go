package peer

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// row is one connection of the system's table, seen from the side that dialled.
type row struct {
	local, remote netip.AddrPort
	state         uint32
	pid           uint32 // 0: the system does not say whose
	created       int64  // of the socket, as a FILETIME; 0: the table does not say
}

// rowEstablished is MIB_TCP_STATE_ESTAB (tcpmib.h).
const rowEstablished = 5

// layout is where a row has its fields: MIB_TCPROW_OWNER_MODULE and
// MIB_TCP6ROW_OWNER_MODULE (tcpmib.h). What follows created names services, which says
// nothing that a process does not.
type layout struct {
	size, address, local, remote, localPort, remotePort, state, pid, created int
}

var (
	layout4 = layout{size: 160, address: 4, state: 0, local: 4, localPort: 8, remote: 12, remotePort: 16, pid: 20, created: 24}
	layout6 = layout{size: 192, address: 16, local: 0, localPort: 20, remote: 24, remotePort: 44, state: 48, pid: 52, created: 56}
)

// tableHeader is the number of rows, and what aligns the first of them.
const tableHeader = 8

var errTable = errors.New("peer: malformed table of connections")

// each calls do with each row of a table (MIB_TCPTABLE_OWNER_MODULE,
// MIB_TCP6TABLE_OWNER_MODULE). It reads nothing beyond the table, whatever that says of
// its length.
func (l layout) each(table []byte, do func(row)) error {
	if len(table) < 4 {
		return errTable
	}
	n := uint64(binary.LittleEndian.Uint32(table))
	if n > 0 && uint64(len(table)) < tableHeader+n*uint64(l.size) {
		return errTable
	}
	for i := range int(n) {
		do(l.row(table[tableHeader+i*l.size:]))
	}
	return nil
}

func (l layout) row(b []byte) row {
	side := func(address, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[address : address+l.address])
		// A socket of both families (RFC 3493, 5.3) has its IPv4 address mapped.
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(b[port:]))
	}
	return row{
		local: side(l.local, l.localPort), remote: side(l.remote, l.remotePort),
		state: binary.LittleEndian.Uint32(b[l.state:]), pid: binary.LittleEndian.Uint32(b[l.pid:]),
		created: int64(binary.LittleEndian.Uint64(b[l.created:])),
	}
}
