// Command owner connects to itself on each address named, and prints whether the system
// says whose both ends are.
package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

func main() {
	for _, host := range os.Args[1:] {
		same, err := owner(host)
		fmt.Println(host, same, err)
	}
}

// owner connects, and asks whose the client's end is.
func owner(host string) (same bool, err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return false, err
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return false, err
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		return false, err
	}
	defer server.Close()
	id, err := peer.Owner(address(server.LocalAddr()), address(server.RemoteAddr()))
	return id.SamePerson(), err
}

func address(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }
