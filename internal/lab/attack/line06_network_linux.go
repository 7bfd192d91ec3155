package attack

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line06() []Attack {
	return []Attack{{
		Line: 6, Title: "the agent's port at every address of the machine", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    otherAddresses,
	}}
}

// otherAddresses dials the port at all addresses, and reads where the system says that
// it listens.
func otherAddresses(w *World, r *Record) error {
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	hosts := []string{"127.0.0.2", "127.255.255.254"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	for _, host := range hosts {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 5*time.Second)
		if err == nil {
			_ = conn.Close()
		}
		r.Check(err != nil, "connecting to "+host, "%v", err)
	}
	at, err := listening(port)
	if err != nil {
		return err
	}
	r.Check(len(at) > 0, "where the system says that it listens", "%q", at)
	for _, address := range at {
		r.Check(address == "0100007F" || address == "00000000000000000000000001000000", "listening at "+address, "loopback only")
	}
	return nil
}

// listening are the addresses at which the system says that somebody listens on a port, as
// the kernel of a little-endian machine writes them.
func listening(port string) (addresses []string, err error) {
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			address, at, _ := strings.Cut(fields[1], ":")
			if fields[3] == "0A" && at == fmt.Sprintf("%04X", number) {
				addresses = append(addresses, address)
			}
		}
		_ = f.Close()
	}
	return addresses, nil
}
