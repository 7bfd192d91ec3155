package peer

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
)

type playedEveryone struct {
	names map[uint32]listed
	err   error
}

func (p playedEveryone) list() (map[uint32]listed, error) { return p.names, p.err }

// TestListeners: of who listens, what this process may read is read, what only the list
// of all processes has is taken from there, and what nobody tells stays open. None but
// the person's own process, in the same session, is said to be theirs.
func TestListeners(t *testing.T) {
	at := netip.MustParseAddrPort
	elsewhere := account.Account{SID: me.SID, Session: me.Session + 1}
	other := account.Account{SID: "S-1-5-21-1-2-3-1002", Session: 7}
	listening := func(address string, pid uint32) row {
		return row{local: at(address), state: rowListens, pid: pid}
	}
	p := &played{
		rows: map[bool][]row{
			false: {
				listening("127.0.0.1:27720", 100), listening("127.0.0.1:27721", 104), listening("127.0.0.1:27722", 108),
				listening("127.0.0.1:27723", 112), listening("0.0.0.0:27724", 4), listening("127.0.0.1:27725", 116),
				{local: at("127.0.0.1:27720"), remote: at("127.0.0.1:50000"), state: rowEstablished, pid: 100},
			},
			true: {listening("[::1]:27720", 100), listening("[::1]:27726", 0)},
		},
		tasks: map[uint32]*playedTask{
			100: {who: me, name: `C:\Program Files\CPxBridge\cpx-agent.exe`},
			104: {who: elsewhere, name: `C:\Program Files\CPxBridge\cpx-agent.exe`},
			108: {who: other, name: `C:\other.exe`},
			112: {openErr: errAccessDenied},
			116: {whoErr: errAccessDenied},
		},
	}
	names := map[uint32]listed{100: {"cpx-agent.exe", "2"}, 112: {"service.exe", "0"}, 4: {"System", "0"}, 116: {"half.exe", "3"}}
	want := []Listener{
		{at("127.0.0.1:27720"), 100, true, me.SID, sessionName(me.Session), `C:\Program Files\CPxBridge\cpx-agent.exe`},
		{at("127.0.0.1:27721"), 104, false, me.SID, sessionName(elsewhere.Session), `C:\Program Files\CPxBridge\cpx-agent.exe`},
		{at("127.0.0.1:27722"), 108, false, other.SID, "7", `C:\other.exe`},
		{at("127.0.0.1:27723"), 112, false, "", "0", "service.exe"},
		{at("0.0.0.0:27724"), 4, false, "", "0", "System"},
		{at("127.0.0.1:27725"), 116, false, "", "3", "half.exe"},
		{at("[::1]:27720"), 100, true, me.SID, sessionName(me.Session), `C:\Program Files\CPxBridge\cpx-agent.exe`},
		{Address: at("[::1]:27726")},
	}
	got, err := p.lookup().listeners(playedEveryone{names: names})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v %v, want\n%+v", got, err, want)
	}
	if p.held != 0 {
		t.Errorf("%d processes are held", p.held)
	}

	got, err = p.lookup().listeners(playedEveryone{err: errPlayed}) // nobody lists processes
	if err != nil || len(got) != len(want) || got[0] != want[0] || got[3] != (Listener{Address: at("127.0.0.1:27723"), PID: 112}) {
		t.Errorf("%+v %v", got, err)
	}
	p.readErr = map[bool]error{true: errPlayed} // no IPv6
	if got, err := p.lookup().listeners(playedEveryone{names: names}); err != nil || !slices.Equal(got, want[:6]) {
		t.Errorf("%+v %v", got, err)
	}
	p.readErr = map[bool]error{false: errPlayed}
	if got, err := p.lookup().listeners(playedEveryone{}); !errors.Is(err, errPlayed) {
		t.Errorf("%+v %v", got, err)
	}
}
