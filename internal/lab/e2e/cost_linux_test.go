package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
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
	return &clicks{t: t, station: d, page: open(t, s), pinAsks: l}
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

// leastLogin is the cost of a login in a program without an agent, in APDUs: that
// of the second of two. The agent runs too, so that both have the card open.
func leastLogin(t testing.TB, d *virtual.Station) int64 {
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
	defer func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	lines := bufio.NewReader(out)
	var cost int64
	for range 2 {
		before := d.APDUs()
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(answer) != "ok" {
			t.Fatalf("%q, %v", answer, err)
		}
		cost = d.APDUs() - before
	}
	return cost
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
	least := leastLogin(t, c.station)
	t.Logf("APDUs: click to GETPIN %d, GETPIN to answer %d; the bare program %d", second.pinAPDUs, second.restAPDUs, least)
	if second.pinAPDUs != 0 || float64(second.restAPDUs) > 1.1*float64(least) {
		t.Errorf("%+v, the bare program %d", second, least)
	}
}

// BenchmarkClick measures a login with a card that takes 20 ms for each command,
// once it has been read: to GETPIN, and from the PIN to the token.
func BenchmarkClick(b *testing.B) {
	c := newClicks(b)
	c.settled()
	c.station.SetDelay(20 * time.Millisecond)
	c.login()
	var pin, rest []time.Duration
	for b.Loop() {
		for range 10 {
			c.settled()
			k := c.login()
			pin, rest = append(pin, k.pin), append(rest, k.rest)
		}
	}
	for name, took := range map[string][]time.Duration{"click-to-GETPIN": pin, "PIN-to-token": rest} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), name+"-ms-p50")
		b.ReportMetric(float64(took[len(took)*95/100].Milliseconds()), name+"-ms-p95")
	}
	b.ReportMetric(0, "ns/op")
}
