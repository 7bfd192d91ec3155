//go:build linux || windows

package peer

import (
	"net"
	"os"
	"testing"
)

// BenchmarkOwner measures what a connection costs at the door, and BenchmarkProgram what a
// dialog pays once for the program's name, with 300 files open here.
func BenchmarkOwner(b *testing.B) { measure(b, func(Identity) {}) }

func BenchmarkProgram(b *testing.B) { measure(b, func(i Identity) { i.Programs(b.Context()) }) }

func measure(b *testing.B, do func(Identity)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer accepted.Close()
	for range 300 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
	}
	for b.Loop() {
		i, err := owner(accepted)
		if err != nil {
			b.Fatal(err)
		}
		do(i)
	}
}
