package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

var errNotEstablished = errors.New("peer: the connecting socket is no longer established")

// Owner asks the kernel (sock_diag(7)) for the socket at the other end of an
// accepted connection: local is the listener's side, remote the peer's. A peer
// that has closed already is an error, because the kernel would report uid 0.
func Owner(local, remote netip.AddrPort) (Identity, error) {
	uid, inode, err := find(local, remote)
	if err != nil {
		return Identity{}, err
	}
	return identity(uid, inode), nil
}

func identity(uid, inode uint32) Identity {
	if int(uid) != os.Getuid() {
		return OtherUser(slog.Uint64("uid", uint64(uid)), slog.Attr{})
	}
	return Self(func(ctx context.Context) []programname.File { return holders(ctx, inode) })
}

func find(local, remote netip.AddrPort) (uid, inode uint32, err error) {
	if !local.IsValid() || !remote.IsValid() {
		return 0, 0, errors.New("peer: not a TCP connection")
	}
	// The peer's socket, so its source is our remote address.
	ask := inetDiagRequest{
		source:      netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
		destination: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
	}
	// Without NLM_F_DUMP the kernel looks up the exact pair; a dump would
	// filter by ports alone, and match another address with the same ports.
	request := nl.NewNetlinkRequest(unix.SOCK_DIAG_BY_FAMILY, 0)
	request.AddData(&ask)
	messages, err := request.Execute(unix.NETLINK_INET_DIAG, unix.SOCK_DIAG_BY_FAMILY)
	if err != nil {
		return 0, 0, fmt.Errorf("peer: sock_diag: %w", err)
	}
	if len(messages) != 1 {
		return 0, 0, fmt.Errorf("peer: %d sockets fit one connection", len(messages))
	}
	return ask.match(messages[0])
}

// inetDiagRequest is struct inet_diag_req_v2 (linux/inet_diag.h).
type inetDiagRequest struct{ source, destination netip.AddrPort }

const requestSize = 56

func (r *inetDiagRequest) Len() int { return requestSize }

func (r *inetDiagRequest) Serialize() []byte {
	b := make([]byte, requestSize)
	b[0] = r.family()
	b[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<established)
	r.id(b[8:])
	return b
}

func (r *inetDiagRequest) family() byte {
	if r.source.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// id is struct inet_diag_sockid without interface and with no cookie.
func (r *inetDiagRequest) id(b []byte) {
	binary.BigEndian.PutUint16(b[0:], r.source.Port())
	binary.BigEndian.PutUint16(b[2:], r.destination.Port())
	copy(b[4:20], r.source.Addr().AsSlice())
	copy(b[20:36], r.destination.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[40:], ^uint32(0))
	binary.NativeEndian.PutUint32(b[44:], ^uint32(0))
}

const (
	established = 1  // TCP_ESTABLISHED (linux/tcp_states.h)
	messageSize = 72 // struct inet_diag_msg
)

// match reads the answer (struct inet_diag_msg) and insists on the very
// connection that was asked for.
func (r *inetDiagRequest) match(b []byte) (uid, inode uint32, err error) {
	if len(b) < messageSize {
		return 0, 0, errors.New("peer: short answer from sock_diag")
	}
	if b[1] != established {
		return 0, 0, errNotEstablished
	}
	if binary.BigEndian.Uint16(b[4:]) != r.source.Port() || binary.BigEndian.Uint16(b[6:]) != r.destination.Port() {
		return 0, 0, errors.New("peer: sock_diag answered for another connection")
	}
	return binary.NativeEndian.Uint32(b[64:]), binary.NativeEndian.Uint32(b[68:]), nil
}
