package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// slowCard is what a real card and its reader take for a command.
const slowCard = 20 * time.Millisecond

// clickRounds are few: each takes as long as two logins with a real card.
const clickRounds = 7

// BenchmarkClick measures a login on a card that was read, beside one of a program
// without an agent: the commands that the card is sent from click to token, and the
// time from the PIN to the token. The card takes its usual time for a command. pinentry-ms
// is from the frame that asks to GETPIN at a pinentry program.
func BenchmarkClick(b *testing.B) {
	c := newClicks(b)
	c.settled()
	least := newLeastProgram(b, c.station)
	c.station.SetDelay(slowCard)
	c.login()
	least.login()
	costs := map[string][]float64{}
	add := func(name string, cost float64) { costs[name] = append(costs[name], cost) }
	for range clickRounds {
		c.settled()
		c.page = open(b, c.stack) // of a page that has just connected no program is known
		k := c.login()
		add("agent-APDUs", float64(k.pinAPDUs+k.restAPDUs))
		add("agent-ms", milliseconds(k.rest))
		add("pinentry-ms", milliseconds(k.pin))
		c.settled()
		apdus, took := least.login()
		add("bare-APDUs", float64(apdus))
		add("bare-ms", milliseconds(took))
	}
	reportMedians(b, costs)
}

// BenchmarkPINWindow measures the time from the frame that asks to the moment at which
// the process of the PIN window has its request: the card was read, and takes its usual
// time for a command. Then that process turns to the display, which is how it is
// noticed; no quiet time has begun. Beside it stands the process alone.
func BenchmarkPINWindow(b *testing.B) {
	screen := newMuteDisplay(b)
	s, d := virtualStack(b, stack.Options{AgentOnly: true, Extra: screen.environment()}, virtual.CardOptions{}, virtual.StationOptions{})
	start(b, s)
	d.SetDelay(slowCard)
	(&clicks{t: b, station: d}).settled()
	costs := map[string][]float64{}
	for range clickRounds {
		p := open(b, s) // see above
		screen.drain()
		begun := time.Now()
		p.at = map[string]func(){"waiting-for-pin": func() {
			costs["agent-ms"] = append(costs["agent-ms"], milliseconds(screen.next(b).Sub(begun)))
			if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": "cancel", "method": "cancel"}); err != nil {
				b.Fatal(err)
			}
		}}
		if a := p.call("authenticate", map[string]any{"challengeNonce": nonce(b), "lang": "en"}); a.Error == nil || a.Error.Data.Reason != "cancelled" {
			b.Fatalf("%+v", a)
		}
		_ = p.socket.Close()
		costs["bare-ms"] = append(costs["bare-ms"], milliseconds(windowAlone(b, screen)))
	}
	reportMedians(b, costs)
}

// windowAlone is the time until a window's process that was started for one question
// turns to the display.
func windowAlone(b *testing.B, screen *muteDisplay) time.Duration {
	b.Helper()
	cmd := exec.Command(filepath.Join(bin, "cpx-agent"), string(role.DialogWindow))
	for name, value := range screen.environment() {
		cmd.Env = append(cmd.Environ(), name+"="+value)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	screen.drain()
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	if err := json.NewEncoder(in).Encode(dialog.Request{Buttons: []dialog.Button{{Label: "OK", Answer: dialog.OK}}}); err != nil {
		b.Fatal(err)
	}
	return screen.next(b).Sub(begun)
}

// muteDisplay is the socket of an X server that says nothing: who turns to it waits.
type muteDisplay struct {
	name    string
	dialled chan time.Time
}

// firstXPort is the port of display 0 (X(7), DISPLAY NAMES).
const firstXPort = 6000

func newMuteDisplay(t testing.TB) *muteDisplay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the system's own choice lies far above the first
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	d := &muteDisplay{name: fmt.Sprintf("127.0.0.1:%d", port-firstXPort), dialled: make(chan time.Time, 64)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.dialled <- time.Now()
			defer conn.Close() // not before: it is to wait
		}
	}()
	return d
}

func (d *muteDisplay) environment() map[string]string {
	return map[string]string{"DISPLAY": d.name, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": "disabled:", "NO_AT_BRIDGE": "1"}
}

// drain forgets who turned to the display so far, as the agent does when it starts.
func (d *muteDisplay) drain() {
	for {
		select {
		case <-d.dialled:
		default:
			return
		}
	}
}

// next is when the next one turns to the display.
func (d *muteDisplay) next(t testing.TB) time.Time {
	t.Helper()
	select {
	case at := <-d.dialled:
		return at
	case <-time.After(testdesktop.Patience):
		t.Fatal("no window's process turned to the display")
		return time.Time{}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// reportMedians reports the median of each cost under its name.
func reportMedians(b *testing.B, costs map[string][]float64) {
	for name, values := range costs {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
	b.ReportMetric(0, "ns/op")
}
