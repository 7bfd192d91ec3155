package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// clicks makes logins as a page does, and records when the PIN was asked for. The
// person types it at once.
type clicks struct {
	t       testing.TB
	stack   *stack.Stack
	station *virtual.Station
	page    *page
	pinAsks net.Listener
}

// newClicks starts an agent whose pinentry reports each GETPIN.
func newClicks(t testing.TB) *clicks {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "pin")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s, d := virtualStack(t, stack.Options{AgentOnly: true, AutoPIN: map[string]any{"socket": socket, "confirm": []string{"ok"}}}, virtual.CardOptions{}, virtual.StationOptions{})
	start(t, s)
	return &clicks{t: t, stack: s, station: d, page: open(t, s), pinAsks: l}
}

// click is the cost of one login: from the page's frame to GETPIN, and from there
// to the frame that answers.
type click struct {
	pinAPDUs, restAPDUs int64
	pin, rest           time.Duration
}

// login makes one login; as the page's library does, it asks for status first.
func (c *clicks) login() click {
	c.t.Helper()
	if a := c.page.call("status", nil); a.Error != nil {
		c.t.Fatalf("%+v", a.Error)
	}
	var k click
	begun, apdus := time.Now(), c.station.APDUs()
	asked := make(chan error, 1)
	go func() {
		conn, err := c.pinAsks.Accept()
		if err == nil {
			k.pin, k.pinAPDUs = time.Since(begun), c.station.APDUs()-apdus
			_, err = fmt.Fprintln(conn, virtual.PIN)
			_ = conn.Close()
		}
		asked <- err
	}()
	a := c.page.call("authenticate", map[string]any{"challengeNonce": nonce(c.t), "lang": "en"})
	if a.Error != nil {
		c.t.Fatalf("%+v", a.Error)
	}
	if err := <-asked; err != nil {
		c.t.Fatal(err)
	}
	k.rest, k.restAPDUs = time.Since(begun)-k.pin, c.station.APDUs()-apdus-k.pinAPDUs
	return k
}

// leastProgram is a program without an agent, as a process. The agent runs too, so that both
// have the card open.
type leastProgram struct {
	t       testing.TB
	station *virtual.Station
	in      io.Writer
	out     *bufio.Reader
}

func newLeastProgram(t testing.TB, d *virtual.Station) *leastProgram {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "login"), openSC, virtual.PIN, "02")
	cmd.Env = append(cmd.Environ(), "PCSCLITE_CSOCK_NAME="+d.Socket())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &leastProgram{t: t, station: d, in: in, out: bufio.NewReader(out)}
}

// login is the cost of one login: PIN, signature, reset.
func (b *leastProgram) login() (apdus int64, took time.Duration) {
	b.t.Helper()
	apdus, begun := b.station.APDUs(), time.Now()
	if _, err := io.WriteString(b.in, "\n"); err != nil {
		b.t.Fatal(err)
	}
	answer, err := b.out.ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "ok" {
		b.t.Fatalf("%q, %v", answer, err)
	}
	return b.station.APDUs() - apdus, time.Since(begun)
}

// settled waits until the agent sends the card nothing more.
func (c *clicks) settled() {
	c.t.Helper()
	last, since := c.station.APDUs(), time.Now()
	for end := time.Now().Add(testdesktop.Patience); time.Since(since) < 300*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if now := c.station.APDUs(); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(end) {
			c.t.Fatal("the agent does not stop reading the card")
		}
	}
}

// TestCardIsAskedOnce: the second login on the same card sends it nothing from the
// page's frame to the PIN window, and from there to the frame that answers what a
// program without an agent sends it.
func TestCardIsAskedOnce(t *testing.T) {
	c := newClicks(t)
	c.settled()
	c.login()
	c.settled()
	second := c.login()
	least := newLeastProgram(t, c.station)
	least.login() // the first reads the card
	apdus, _ := least.login()
	t.Logf("APDUs: click to GETPIN %d, GETPIN to answer %d; the bare program %d", second.pinAPDUs, second.restAPDUs, apdus)
	if second.pinAPDUs != 0 || float64(second.restAPDUs) > 1.1*float64(apdus) {
		t.Errorf("%+v, the bare program %d", second, apdus)
	}
}
