package peer

import (
	"encoding/binary"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ServesBeside reports whether this user listens on a port of the range besides the own one, as
// a second agent of the account does; also where the kernel does not say.
func ServesBeside(first, count, own int) bool {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := nl.NewNetlinkRequest(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		request.AddData(listeningSockets(family))
		messages, err := request.Execute(unix.NETLINK_INET_DIAG, unix.SOCK_DIAG_BY_FAMILY)
		if err != nil {
			return true
		}
		for _, b := range messages {
			if len(b) < messageSize {
				return true
			}
			port := int(binary.BigEndian.Uint16(b[4:]))
			if port >= first && port < first+count && port != own && int(binary.NativeEndian.Uint32(b[64:])) == os.Getuid() {
				return true
			}
		}
	}
	return false
}

// listeningSockets is struct inet_diag_req_v2 for all sockets of a family that listen.
type listeningSockets byte

func (l listeningSockets) Len() int { return requestSize }

func (l listeningSockets) Serialize() []byte {
	b := make([]byte, requestSize)
	b[0], b[1] = byte(l), unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<listens)
	return b
}

const listens = 10 // TCP_LISTEN (linux/tcp_states.h)
