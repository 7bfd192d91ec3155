package scale

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/bareprogram"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// slow is what a card takes for each command.
const slow = 20 * time.Millisecond

// stages are the parts of one login: to the question for the PIN, from the PIN to the card's
// consent, and from there to the token, with the card locked.
type stages struct{ before, pin, signature time.Duration }

// BenchmarkStages: the stages of a login on a slow card that has just been inserted, on one
// that has been read before, and in a program without an agent that has read it before. The
// PIN is typed at once.
func BenchmarkStages(b *testing.B) {
	w := newWorld(b)
	b.Run("login=just_inserted", func(b *testing.B) {
		report(b, 3, func() stages {
			w.station.Remove()
			w.await("absent")
			w.station.Insert()
			return w.login()
		})
	})
	b.Run("login=read_before", func(b *testing.B) {
		report(b, 5, func() stages {
			w.settled()
			return w.login()
		})
	})
	b.Run("login=without_agent", func(b *testing.B) {
		w.settled()
		program, err := bareprogram.Open(openSC)
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := program.Close(); err != nil {
				b.Error(err)
			}
		}()
		one := func() stages {
			var s stages
			begun, part := time.Now(), &s.before
			err := program.Login(virtual.PIN, []byte{2}, func(step string) {
				switch *part += time.Since(begun); step {
				case "C_OpenSession":
					part = &s.pin
				case "C_Login":
					part = &s.signature
				}
				begun = time.Now()
			})
			if err != nil {
				b.Fatal(err)
			}
			return s
		}
		one() // the card is read in the first
		report(b, 5, one)
	})
}

// report has so many logins made and reports the medians of their stages.
func report(b *testing.B, rounds int, login func() stages) {
	var all [3][]time.Duration
	for range rounds {
		s := login()
		for i, took := range []time.Duration{s.before, s.pin, s.signature} {
			all[i] = append(all[i], took)
		}
	}
	for i, unit := range []string{"before-ms", "pin-ms", "signature-ms"} {
		slices.Sort(all[i])
		b.ReportMetric(float64(all[i][rounds/2].Microseconds())/1000, unit)
	}
	b.ReportMetric(0, "ns/op")
}

// world is an agent with OpenSC and a virtual card, a page, and a pinentry that asks here.
type world struct {
	*testing.B
	station *virtual.Station
	page    *websocket.Conn
	asks    net.Listener
}

func newWorld(b *testing.B) *world {
	dir := filepath.Join(scratch, "world")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", scratch+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	w := &world{B: b}
	var err error
	if w.asks, err = net.Listen("unix", filepath.Join(b.TempDir(), "pin")); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.asks.Close() })
	s, err := stack.Prepare(b.Context(), stack.Options{Dir: dir, Bin: scratch, AgentOnly: true, Modules: []string{openSC},
		Extra: map[string]string{"PCSCLITE_CSOCK_NAME": socket}, AutoPIN: map[string]any{"socket": w.asks.Addr().String(), "confirm": []string{"ok"}}})
	if err != nil {
		b.Fatal(err)
	}
	pki, err := democard.OpenPKI(s.Path("card/ca"), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if w.station, err = virtual.NewStation(virtual.StationOptions{Socket: socket, Card: card}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.station.Stop(); err != nil {
			b.Error(err)
		}
	})
	w.station.SetDelay(slow)
	ctx, end := context.WithCancel(context.Background())
	agent, err := s.StartAgent(ctx, false, "--no-tray")
	b.Cleanup(func() {
		end()
		if agent != nil {
			_ = agent.Wait()
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	dialer := websocket.Dialer{Subprotocols: []string{"cpx.v1"}}
	if w.page, _, err = dialer.DialContext(b.Context(), "ws://"+s.AgentAddress()+"/v1", http.Header{"Origin": {s.Origin}}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.page.Close() })
	return w
}

// answer is what the agent sends a page.
type answer struct {
	Method string
	Params struct{ State string }
	Result *struct{ Card string }
	Error  *struct{ Message string }
}

// call makes a request, and calls progress with each state of its login.
func (w *world) call(method string, params map[string]any, progress func(state string)) answer {
	w.Helper()
	request := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method}
	if params != nil {
		request["params"] = params
	}
	if err := w.page.WriteJSON(request); err != nil {
		w.Fatal(err)
	}
	_ = w.page.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var a answer
		if err := w.page.ReadJSON(&a); err != nil {
			w.Fatalf("%s: %v", method, err)
		}
		switch {
		case a.Method == "progress" && progress != nil:
			progress(a.Params.State)
		case a.Error != nil:
			w.Fatalf("%s: %s", method, a.Error.Message)
		case a.Method == "":
			return a
		}
	}
}

func (w *world) login() stages {
	w.Helper()
	var s stages
	typed := make(chan time.Time, 1)
	begun := time.Now()
	go func() {
		defer close(typed)
		conn, err := w.asks.Accept()
		if err != nil {
			return
		}
		typed <- time.Now()
		_, _ = fmt.Fprintln(conn, virtual.PIN)
		_ = conn.Close()
	}()
	var signing time.Time
	w.call("authenticate", map[string]any{"challengeNonce": authtoken.NewNonce(), "lang": "en"}, func(state string) {
		if state == "signing" {
			signing = time.Now()
		}
	})
	ended, entered := time.Now(), <-typed
	if entered.IsZero() || signing.IsZero() {
		w.Fatal("no PIN was asked for, or nothing signed")
	}
	s.before, s.pin, s.signature = entered.Sub(begun), signing.Sub(entered), ended.Sub(signing)
	return s
}

// await waits until the agent says so of the card.
func (w *world) await(card string) {
	w.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if a := w.call("status", nil, nil); a.Result != nil && a.Result.Card == card {
			return
		}
		if time.Now().After(end) {
			w.Fatal("the agent never says that the card is ", card)
		}
	}
}

// settled waits until nobody sends the card a command.
func (w *world) settled() {
	w.Helper()
	last, since := w.station.APDUs(), time.Now()
	for time.Since(since) < 300*time.Millisecond {
		time.Sleep(10 * time.Millisecond)
		if now := w.station.APDUs(); now != last {
			last, since = now, time.Now()
		}
	}
}
