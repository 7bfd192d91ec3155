// Command inside is what the world needs of Linux beside wine, in its network namespace:
//
//	inside relay PORT SOCKET    hands connections on 127.0.0.1:PORT on to a Unix socket
//
// It prints a line once it listens, and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

func main() {
	if len(os.Args) != 4 || os.Args[1] != "relay" {
		fmt.Fprintln(os.Stderr, "usage: inside relay PORT SOCKET")
		os.Exit(2)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Args[2]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "inside:", err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the world ends
		os.Exit(0)
	}()
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "inside:", err)
			os.Exit(1)
		}
		go relay(conn, os.Args[3])
	}
}

// relay ends both connections with either: a stopped service ends what it served.
func relay(from net.Conn, socket string) {
	defer from.Close()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer to.Close()
	end := sync.OnceFunc(func() { _, _ = from.Close(), to.Close() })
	var both sync.WaitGroup
	both.Go(func() { defer end(); _, _ = io.Copy(to, from) })
	both.Go(func() { defer end(); _, _ = io.Copy(from, to) })
	both.Wait()
}
