package e2e

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// BenchmarkConnection measures the agent's processor time for each connection that sends a
// request and is answered, while sockets and connections without a request are open.
func BenchmarkConnection(b *testing.B) {
	s := prepare(b, stack.Options{AgentOnly: true})
	agent := startAgent(b, s, "--no-tray")
	for range 16 {
		open(b, s)
	}
	for range 40 {
		conn, err := net.Dial("tcp", s.AgentAddress())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
	}
	const n = 1000
	before := processorTime(b, agent.PID())
	for range n {
		conn, err := net.Dial("tcp", s.AgentAddress())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+s.AgentAddress()+"\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			b.Fatal(err)
		}
		_ = conn.Close()
	}
	b.ReportMetric(float64((processorTime(b, agent.PID())-before).Microseconds())/n, "agent-us")
	b.ReportMetric(0, "ns/op")
}

// processorTime is what a process has used (clock_getcpuclockid(3)).
func processorTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Nano())
}
