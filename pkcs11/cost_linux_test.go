package pkcs11

import (
	"context"
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/bareprogram"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// observe has the pool hear what PC/SC says now, as the agent's watch does.
func observe(t testing.TB, p *Pool) {
	t.Helper()
	readers, err := pcsc.Readers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Observe(pcsc.Event{Readers: readers})
}

// phases counts the commands that a card is sent from one mark to the next.
type phases struct {
	station *virtual.Station
	begun   int64
	names   []string
	costs   map[string]int64
	total   int64
}

func newPhases(d *virtual.Station) *phases {
	return &phases{station: d, begun: d.APDUs(), costs: map[string]int64{}}
}

func (p *phases) mark(name string) {
	now := p.station.APDUs()
	p.names = append(p.names, name)
	p.costs[name] += now - p.begun
	p.total += now - p.begun
	p.begun = now
}

func (p *phases) log(t *testing.T, title string) {
	t.Helper()
	for _, name := range p.names {
		t.Logf("%-12s %-16s %3d APDUs", title, name, p.costs[name])
	}
	t.Logf("%-12s %-16s %3d APDUs", title, "all", p.total)
}

const (
	clickToPIN = "click to PIN"
	logIn      = "C_Login"
	signAndEnd = "C_Sign, the end"
)

// login is what the agent does in one login, with the PIN typed at once.
func login(t *testing.T, p *Pool, d *virtual.Station, id string) *phases {
	t.Helper()
	costs := newPhases(d)
	if _, err := p.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := p.Sign(t.Context(), Request{
		CertificateID: id, Message: message,
		PIN: func(context.Context, PINRequest) ([]byte, error) {
			costs.mark(clickToPIN)
			return []byte(virtual.PIN), nil
		},
		Signing: func() { costs.mark(logIn) },
	})
	if err != nil {
		t.Fatal(err)
	}
	costs.mark(signAndEnd)
	verify(t, s)
	return costs
}

// The least that a login costs the card is what a program without an agent costs
// it, and the agent adds next to nothing: the second login on the same card asks
// it nothing before the PIN is typed, and nothing after it but what the signature
// takes.
func TestCardIsAskedOnce(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	d, err := virtual.NewStation(virtual.StationOptions{Socket: pcscSocket, Card: card})
	if err != nil {
		t.Fatal(err)
	}
	least := leastLogin(t, d)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}

	p, d := station(t, card, virtual.StationOptions{})
	observe(t, p)
	id := usable(t, p).ID
	login(t, p, d, id)
	second := login(t, p, d, id)
	second.log(t, "agent")
	least.log(t, "bare program")
	if second.costs[clickToPIN] != 0 {
		t.Errorf("%d APDUs before the PIN is asked", second.costs[clickToPIN])
	}
	if float64(second.total) > 1.1*float64(least.total) {
		t.Errorf("%d APDUs, and %d without an agent", second.total, least.total)
	}
	if card.PIN().Verified() {
		t.Error("the card is still open")
	}
}

// leastLogin is the second login of a program that calls the module itself.
func leastLogin(t testing.TB, d *virtual.Station) *phases {
	t.Helper()
	program, err := bareprogram.Open(openSC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := program.Close(); err != nil {
			t.Error(err)
		}
	}()
	var costs *phases
	for range 2 {
		costs = newPhases(d)
		if err := program.Login(virtual.PIN, []byte{2}, costs.mark); err != nil {
			t.Fatal(err)
		}
	}
	return costs
}

// mostModuleCalls are those of a login on a card that was read, by name. What is read of a key
// takes two calls, the first for the lengths, and so does a signature.
var mostModuleCalls = map[string]int{
	"C_OpenSession": 1, "C_GetSessionInfo": 1, "C_Login": 1,
	"C_FindObjectsInit": 1, "C_FindObjects": 2, "C_FindObjectsFinal": 1, "C_GetAttributeValue": 6,
	"C_SignInit": 1, "C_Sign": 2, "C_Logout": 1, "C_CloseSession": 1,
}

// TestModuleCalls: a login on a card that was read calls its module for nothing but the
// signature: no slot, no token and no certificate is read again, and no session opened twice.
func TestModuleCalls(t *testing.T) {
	p, d, log := spiedLog(t, newCard(t, virtual.CardOptions{}))
	observe(t, p)
	id := usable(t, p).ID
	login(t, p, d, id)
	before := spiedCalls(t, log)
	login(t, p, d, id)
	for name, n := range spiedCalls(t, log) {
		if n -= before[name]; n > mostModuleCalls[name] {
			t.Errorf("%d × %s, at most %d", n, name, mostModuleCalls[name])
		} else if n > 0 {
			t.Logf("%2d × %s", n, name)
		}
	}
}

// spiedCalls are the calls in a spy's log, by name.
func spiedCalls(t *testing.T, log string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, m := range spyCall.FindAllStringSubmatch(string(text), -1) {
		calls[m[1]]++
	}
	return calls
}

// TestCardSessionAsksOnce: a signature in a card session costs the card what it costs a
// program that stays logged in, and the question whether it is still open: a module that
// kept the PIN would else show it once more to a card that was reset, or was given another
// PIN meanwhile, and cost a try that nobody made.
func TestCardSessionAsksOnce(t *testing.T) {
	p, d, c := observedStation(t)
	sign := func(r Request) (apdus int64) {
		t.Helper()
		begun := d.APDUs()
		s, err := p.Sign(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, s)
		return d.APDUs() - begun
	}
	first := request(c, virtual.PIN, nil)
	first.OpenCardSession = true
	sign(first)
	ours := sign(Request{CertificateID: c.ID, Message: message, UseCardSession: true})
	begun := d.APDUs()
	if _, err := p.modules[0].driver.SessionState(p.modules[0].cardSession.session); err != nil {
		t.Fatal(err)
	}
	asking := d.APDUs() - begun
	if err := p.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	program, err := bareprogram.Open(openSC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := program.Close(); err != nil {
			t.Error(err)
		}
	}()
	session, err := program.Stay(virtual.PIN)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Sign(c.KeyID); err != nil {
		t.Fatal(err)
	}
	begun = d.APDUs()
	if err := session.Sign(c.KeyID); err != nil {
		t.Fatal(err)
	}
	least := d.APDUs() - begun
	t.Logf("%d APDUs, of which %d ask whether the card is open; the bare program %d", ours, asking, least)
	if ours > least+asking {
		t.Errorf("%d APDUs, and %d without an agent", ours, least)
	}
}
