package peer

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
)

// me is the person of the played agent.
var me = account.Account{SID: "S-1-5-21-1-2-3-1001", Session: 2}

// The two ends of the played connections, over IPv4 and over IPv6.
var (
	agent4, client4 = netip.MustParseAddrPort("127.0.0.1:27720"), netip.MustParseAddrPort("127.0.0.1:50001")
	agent6, client6 = netip.MustParseAddrPort("[::1]:27720"), netip.MustParseAddrPort("[::1]:50001")
)

const (
	browserPID = 4120
	born       = 1000 // of the browser
)

// connected is a browser of this person that has dialled the agent over both families,
// beside what else a system has.
func connected() *played {
	dialled4 := row{client4, agent4, rowEstablished, browserPID, born + 500}
	dialled6 := row{client6, agent6, rowEstablished, browserPID, born + 500}
	accepted4 := row{agent4, client4, rowEstablished, 7000, born + 500}
	accepted6 := row{agent6, client6, rowEstablished, 7000, born + 500}
	elsewhere := row{netip.MustParseAddrPort("192.0.2.1:50001"), netip.MustParseAddrPort("192.0.2.2:27720"), rowEstablished, 8, 1}
	return &played{
		rows:    map[bool][]row{false: {elsewhere, accepted4, dialled4}, true: {accepted6, dialled6}},
		readErr: map[bool]error{},
		tasks: map[uint32]*playedTask{
			browserPID: {who: me, since: born, name: `C:\Program Files\Navigateur\navigateur.exe`},
			7000:       {who: me, since: born, name: `C:\cpx-agent.exe`},
		},
	}
}

// change applies to the rows of the browser's side.
func (p *played) change(how func(r *row)) {
	for _, rows := range p.rows {
		for i := range rows {
			if rows[i].pid == browserPID {
				how(&rows[i])
			}
		}
	}
}

// each table's rows twice, with another process's number in the second.
func (p *played) handOn(pid uint32) {
	for v6, rows := range p.rows {
		second := rows[len(rows)-1]
		second.pid = pid
		p.rows[v6] = append(rows, second)
	}
}

func (p *played) drop() {
	for v6, rows := range p.rows {
		p.rows[v6] = rows[:len(rows)-1]
	}
}

// TestLookup: the process of a connection is let in where it is certain that it runs for
// the same person in the same session, and each doubt refuses.
func TestLookup(t *testing.T) {
	browser := func(how func(*playedTask)) func(*played) {
		return func(p *played) { how(p.tasks[browserPID]) }
	}
	rows := func(how func(*row)) func(*played) { return func(p *played) { p.change(how) } }
	atRead := func(n int, do func(*played)) func(*played) {
		return func(p *played) {
			p.onRead = func(reads int) {
				if reads == n {
					do(p)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		play  func(*played)
		err   error  // nil: there is an owner
		other string // account of another user
		over  string // "4" or "6" alone
	}{
		"this person's browser":               {func(*played) {}, nil, "", ""},
		"another user":                        {browser(func(b *playedTask) { b.who.SID = "S-1-5-21-1-2-3-1002" }), nil, `account="S-1-5-21-1-2-3-1002 in session 2"`, ""},
		"another session of this user":        {browser(func(b *playedTask) { b.who.Session = 3 }), nil, `account="S-1-5-21-1-2-3-1001 in session 3"`, ""},
		"a service of this user":              {browser(func(b *playedTask) { b.who.Session = 0 }), nil, `account="S-1-5-21-1-2-3-1001 in session 0"`, ""},
		"the system itself":                   {browser(func(b *playedTask) { b.who = account.Account{SID: "S-1-5-18", Session: 0} }), nil, `account="S-1-5-18 in session 0"`, ""},
		"this user elevated, readable":        {browser(func(b *playedTask) { b.name = "" }), nil, "", ""},
		"this user elevated, token closed":    {browser(func(b *playedTask) { b.whoErr = errAccessDenied }), errAccessDenied, "", ""},
		"a protected process":                 {browser(func(b *playedTask) { b.openErr = errAccessDenied }), errAccessDenied, "", ""},
		"a token of nobody":                   {browser(func(b *playedTask) { b.who = account.Account{} }), errNobody, "", ""},
		"a process that ended, handle held":   {browser(func(b *playedTask) { b.over = true }), errEnded, "", ""},
		"a process that cannot be waited for": {browser(func(b *playedTask) { b.overErr = errPlayed }), errPlayed, "", ""},
		"a process without times":             {browser(func(b *playedTask) { b.sinceErr = errPlayed }), errPlayed, "", ""},
		"a number that is another's by now":   {browser(func(b *playedTask) { b.since = born + 501 }), errOlder, "", ""},
		"a socket as old as its process":      {browser(func(b *playedTask) { b.since = born + 500 }), nil, "", ""},
		"a table without times":               {rows(func(r *row) { r.created = 0 }), nil, "", ""},
		"no such process":                     {func(p *played) { delete(p.tasks, browserPID) }, errInvalidParameter, "", ""},
		"a number that names none (WSL)":      {rows(func(r *row) { r.pid = 31 }), errInvalidParameter, "", ""},
		"a number beside a process's (WSL)":   {rows(func(r *row) { r.pid = browserPID + 3 }), errNumber, "", ""},
		"a number of nobody":                  {rows(func(r *row) { r.pid = 0 }), errNoPID, "", ""},
		"a socket handed to another process":  {func(p *played) { p.handOn(9000) }, errSeveral, "", ""},
		"a socket handed to its like":         {func(p *played) { p.handOn(browserPID) }, errSeveral, "", ""},
		"handed on while the process is held": {atRead(2, func(p *played) { p.handOn(9000) }), errChanged, "", ""},
		"closed while the process is held":    {atRead(2, func(p *played) { p.drop() }), errNoRow, "", ""},
		"another's while the process is held": {atRead(2, rows(func(r *row) { r.pid = 7000 })), errChanged, "", ""},
		"another socket meanwhile":            {atRead(2, rows(func(r *row) { r.created++ })), errChanged, "", ""},
		"an error while the process is held":  {atRead(2, func(p *played) { p.readErr = map[bool]error{false: errPlayed, true: errPlayed} }), errPlayed, "", ""},
		"no connection":                       {func(p *played) { p.drop() }, errNoRow, "", ""},
		"closing":                             {rows(func(r *row) { r.state = 8 }), errNoRow, "", ""},
		"in TIME_WAIT":                        {rows(func(r *row) { r.state = 11 }), errNoRow, "", ""},
		"a listener on the same address":      {rows(func(r *row) { r.state = 2 }), errNoRow, "", ""},
		"another connection, same ports":      {rows(func(r *row) { r.local = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), 50001) }), errNoRow, "", "4"},
		"another address to ours":             {rows(func(r *row) { r.remote = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), 27720) }), errNoRow, "", "4"},
		"another port to ours":                {rows(func(r *row) { r.local = netip.AddrPortFrom(r.local.Addr(), 50002) }), errNoRow, "", ""},
		"the other direction":                 {rows(func(r *row) { r.local, r.remote = r.remote, r.local }), errNoRow, "", ""},
		"there at the third try": {func(p *played) {
			drop := connected()
			drop.drop()
			all := p.rows
			p.rows = drop.rows
			p.onRead = func(int) {
				if len(p.pauses) == 2 {
					p.rows = all
				}
			}
		}, nil, "", ""},
		"somebody's at the fifth try": {func(p *played) {
			p.change(func(r *row) { r.pid = 0 })
			all := connected().rows
			p.onRead = func(int) {
				if len(p.pauses) == 4 {
					p.rows = all
				}
			}
		}, nil, "", ""},
		"a socket of both families": {func(p *played) {
			p.rows[true] = append(p.rows[true], p.rows[false][2])
			p.rows[false] = p.rows[false][:2]
		}, nil, "", "4"},
		"no table at all":                     {func(p *played) { p.readErr = map[bool]error{false: errPlayed, true: errPlayed} }, errPlayed, "", ""},
		"no table of IPv6":                    {func(p *played) { p.readErr[true] = errPlayed }, nil, "", "4"},
		"no table of IPv6, and no connection": {func(p *played) { p.readErr[true] = errPlayed; p.rows[false] = p.rows[false][:2] }, errNoRow, "", "4"},
		"a table that ends early":             {func(p *played) { p.truncate = 1 }, errTable, "", ""},
		"a table of nothing":                  {func(p *played) { p.truncate = 1 << 20 }, errTable, "", ""},
	} {
		for _, over := range []string{"4", "6"} {
			if c.over != "" && c.over != over {
				continue
			}
			p := connected()
			c.play(p)
			local, remote := agent4, client4
			if over == "6" {
				local, remote = agent6, client6
			}
			who, pid, err := p.lookup().owner(local, remote)
			if !errors.Is(err, c.err) || c.err == nil && err != nil || c.err != nil && (who.SamePerson() || pid != 0) {
				t.Errorf("%s, IPv%s: %v, the same person %v, want %v", name, over, err, who.SamePerson(), c.err)
				continue
			}
			if c.err == nil && (who.SamePerson() != (c.other == "") || c.other != "" && who.Account().String() != strings.ReplaceAll(c.other, `"`, "")) {
				t.Errorf("%s, IPv%s: the same person %v, %s, want %q", name, over, who.SamePerson(), who.Account(), c.other)
			}
			if p.held != 0 {
				t.Errorf("%s, IPv%s: %d processes are not closed", name, over, p.held)
			}
		}
	}
}

// TestLookupNamesTheProcess: the log says whose connection was refused, as far as the
// system does.
func TestLookupNamesTheProcess(t *testing.T) {
	const named = `4120 (C:\Program Files\Navigateur\navigateur.exe)`
	p := connected()
	p.tasks[browserPID].who.Session = 3
	if who, _, err := p.lookup().owner(agent4, client4); err != nil || who.Process().String() != "process="+named {
		t.Errorf("another session: %s %v", who.Process(), err)
	}
	p.tasks[browserPID].whoErr = errAccessDenied
	if _, _, err := p.lookup().owner(agent4, client4); err == nil || !strings.Contains(err.Error(), named) || !strings.Contains(err.Error(), "access is denied") {
		t.Errorf("a closed token: %v", err)
	}
	p.tasks[browserPID].openErr, p.tasks[browserPID].listed = errAccessDenied, "navigateur.exe"
	if _, _, err := p.lookup().owner(agent4, client4); err == nil || !strings.Contains(err.Error(), "process 4120 (navigateur.exe):") {
		t.Errorf("a closed process: %v", err)
	}
}

// TestLookupTries: the other end of a connection that is open is looked for three times
// within 50 ms, and whose it is five times within 400; any other doubt refuses at once.
func TestLookupTries(t *testing.T) {
	p := connected()
	p.drop()
	if _, _, err := p.lookup().owner(agent6, client6); !errors.Is(err, errNoRow) {
		t.Error(err)
	}
	sum := time.Duration(0)
	for _, d := range p.pauses {
		sum += d
	}
	if len(p.pauses) != 2 || p.reads != 3 || sum > 50*time.Millisecond {
		t.Errorf("%d readings, pauses %v", p.reads, p.pauses)
	}
	for name, play := range map[string]func(*row){"closing": func(r *row) { r.state = 8 }, "gone": func(r *row) { r.local = agent4 }} {
		p = connected()
		p.drop()
		play(&p.rows[true][0])
		if _, _, err := p.lookup().owner(agent6, client6); !errors.Is(err, errNoRow) || p.reads != 1 || len(p.pauses) > 0 {
			t.Errorf("our own end %s: %v after %d readings, %v", name, err, p.reads, p.pauses)
		}
	}
	p = connected()
	p.change(func(r *row) { r.pid = 0 })
	if _, _, err := p.lookup().owner(agent6, client6); !errors.Is(err, errNoPID) || p.reads != 5 || len(p.pauses) != 4 {
		t.Errorf("nobody's: %v after %d readings, %v", err, p.reads, p.pauses)
	}
	p = connected()
	p.handOn(9000)
	if _, _, err := p.lookup().owner(agent6, client6); !errors.Is(err, errSeveral) || len(p.pauses) > 0 {
		t.Errorf("%v after %v", err, p.pauses)
	}
}

// TestLookupRefusesNothing: what is no connection, and an agent that does not know whose
// it is, let nobody in.
func TestLookupRefusesNothing(t *testing.T) {
	l := connected().lookup()
	for _, c := range [][2]netip.AddrPort{{}, {agent4, {}}, {{}, client4}} {
		if who, _, err := l.owner(c[0], c[1]); err == nil || who.SamePerson() {
			t.Errorf("%v: %v", c, err)
		}
	}
	l.self = account.Account{}
	if who, _, err := l.owner(agent4, client4); err == nil || who.SamePerson() {
		t.Errorf("nobody's agent lets in: %v", err)
	}
	p := connected()
	p.tasks[browserPID].who = account.Account{}
	l = p.lookup()
	l.self = account.Account{}
	if who, _, err := l.owner(agent4, client4); err == nil || who.SamePerson() {
		t.Errorf("nobody's agent lets nobody in: %v", err)
	}
}

// TestLookupOfMapped: addresses of IPv4 are one, however they are written.
func TestLookupOfMapped(t *testing.T) {
	mapped := func(a netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
	}
	who, pid, err := connected().lookup().owner(mapped(agent4), mapped(client4))
	if err != nil || pid != browserPID || !who.SamePerson() {
		t.Errorf("%d %v", pid, err)
	}
}

// TestProgramByNumber: the program is read when it is asked for, from the process that
// was found and from no other that has its number by then.
func TestProgramByNumber(t *testing.T) {
	const browser = `C:\Program Files\Navigateur\navigateur.exe`
	for name, c := range map[string]struct {
		play func(*played)
		want string
	}{
		"still there":     {func(*played) {}, browser},
		"gone":            {func(p *played) { delete(p.tasks, browserPID) }, ""},
		"another by then": {func(p *played) { p.tasks[browserPID] = &playedTask{who: me, since: born + 9, name: "other.exe"} }, ""},
		"closed by then":  {func(p *played) { p.tasks[browserPID].openErr = errAccessDenied }, ""},
		"without times":   {func(p *played) { p.tasks[browserPID].sinceErr = errPlayed }, ""},
	} {
		p := connected()
		who, _, err := p.lookup().owner(agent4, client4)
		if err != nil || who.Seen() != nil {
			t.Fatalf("%s: %v, seen %v", name, err, who.Seen())
		}
		c.play(p)
		if program := pathsOf(who.Programs(t.Context())); program != c.want {
			t.Errorf("%s: %q, want %q", name, program, c.want)
		}
		if p.held != 0 {
			t.Errorf("%s: %d processes are not closed", name, p.held)
		}
	}
}

// TestEachRow: a table is read as it was written, whatever it says of its length.
func TestEachRow(t *testing.T) {
	all := connected().rows
	for v6, of := range map[bool]layout{false: layout4, true: layout6} {
		var got []row
		if err := of.each(table(of, all[v6], 0), func(r row) { got = append(got, r) }); err != nil || !slices.Equal(got, all[v6]) {
			t.Errorf("IPv6 %v: %v %v", v6, got, err)
		}
		for _, b := range [][]byte{nil, {1, 0, 0}, {1, 0, 0, 0}, {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, table(of, all[v6], 1)} {
			if err := of.each(b, func(row) { t.Errorf("IPv6 %v: a row of %x", v6, b) }); !errors.Is(err, errTable) {
				t.Errorf("IPv6 %v, %d bytes: %v", v6, len(b), err)
			}
		}
		if err := of.each([]byte{0, 0, 0, 0}, func(row) { t.Error("a row of none") }); err != nil {
			t.Errorf("IPv6 %v, no row: %v", v6, err)
		}
	}
}
