package js

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// dialling counts the sockets that the page opens, by port.
const dialling = `
	const Real = WebSocket, dialled = [];
	window.WebSocket = class extends Real { constructor(url, ...more) { super(url, ...more); dialled.push(Number(new URL(url).port)); begun?.(); } };
	let begun;
	const reason = (p) => p.then(() => "found", (e) => e.reason);`

// gone is a range of ports where nobody listens: a search there lasts long enough
// for an abandoned one to show that it goes on.
func gone(t *testing.T, n int) int {
	t.Helper()
	first, l := freePorts(t, n)
	for _, l := range l {
		l.Close()
	}
	return first
}

// A call aborted beforehand dials nothing: the browser would ask about it.
func TestAbortedBeforehand(t *testing.T) {
	open(t, newEvents(), "", nil)
	first, other := gone(t, 1), gone(t, 10)
	got := inPage(t, dialling+`
		const o = { signal: AbortSignal.abort(), ports: { first: %d, count: 1 } };
		const all = [await reason(cpx.status(o)), await reason(cpx.watch("00", () => 0, o)), await reason(cpx.authenticate(o))];
		return [...all, await reason(cpx.status({ ports: { first: %d, count: 10 } })), dialled.includes(o.ports.first)]`, first, other)
	if want := `["aborted","aborted","aborted","no_agent",false]`; string(got.Value) != want {
		t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
	}
}

// A search that nobody waits for any more starts no other dial, and removes its
// listeners.
func TestAbortEndsTheSearch(t *testing.T) {
	open(t, newEvents(), "", nil)
	first, l := freePorts(t, 10)
	for _, l := range l {
		squatOn(t, l, "silent", newEvents())
	}
	other := gone(t, 20)
	got := inPage(t, dialling+`
		const query = navigator.permissions.query.bind(navigator.permissions), asked = [];
		navigator.permissions.query = async (what) => { const s = await query(what); asked.push(s); return s; };
		const stop = new AbortController();
		begun = () => { begun = undefined; stop.abort(); };
		const one = reason(cpx.status({ signal: stop.signal, ports: { first: %d, count: 10 } }));
		const all = [await one, await reason(cpx.status({ ports: { first: %d, count: 20 } }))];
		return [...all, dialled.filter((p) => p < %[1]d + 10 && p >= %[1]d).length, asked.some((s) => s.onchange)]`, first, other)
	if want := `["aborted","no_agent",1,false]`; string(got.Value) != want {
		t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
	}
}

// One of two callers of a search may abort: the other is served.
func TestAbortLeavesOthersTheirSearch(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 2)
	l[0].Close()
	agentOn(t, l[1], "agent", e, goodStatus, none)
	got := inPage(t, dialling+`
		const ports = { first: %d, count: 2 }, stop = new AbortController();
		begun = () => stop.abort();
		return Promise.all([reason(cpx.status({ ports, signal: stop.signal })), reason(cpx.status({ ports }))])`, first)
	if string(got.Value) != `["aborted","found"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// Two parts of a page may search different ports at the same time, and use what
// they found.
func TestTwoSearchesAtATime(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 2)
	agentOn(t, l[0], "one", e, goodStatus, untilCancelled)
	agentOn(t, l[1], "two", e, goodStatus, none)
	got := inPage(t, dialling+`
		const on = (first, more) => ({ ports: { first, count: 1 }, ...more }), stop = new AbortController();
		const both = await Promise.all([reason(cpx.status(on(%d))), reason(cpx.status(on(%d)))]);
		let login;
		await new Promise((waits) => { login = reason(cpx.authenticate(on(%[1]d, { signal: stop.signal, nonce: "n".repeat(44), onProgress: (s) => s === "waiting-for-pin" && waits() }))); });
		both.push(await reason(cpx.status(on(%[2]d))));
		stop.abort();
		return [...both, await login]`, first, first+1)
	if string(got.Value) != `["found","found","found","aborted"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
	e.await(t, "one cancel")
}

// An exception of the page's ends no login and keeps nothing from others.
func TestMistakesOfThePage(t *testing.T) {
	e := newEvents()
	port := one(t, e, func(send func(string, ...any), r request) {
		if r.Method == "authenticate" {
			signs(send, r)
			return
		}
		send(`{"jsonrpc":"2.0","id":%d,"result":{"present":true}}`, r.ID)
		if strings.HasPrefix(r.Params.Certificate, "b") {
			send(`{"jsonrpc":"2.0","method":"card","params":{"event":"removed"}}`)
		}
	}, nil)
	got := inPage(t, dialling+`
		let reported = 0;
		addEventListener("error", (e) => { e.preventDefault(); if (/mistake/.test(e.message)) reported++; });
		const ports = { first: %d, count: 1 }, bad = () => { throw new Error("mistake"); };
		const login = await reason(cpx.authenticate({ ports, nonce: "n".repeat(44), onProgress: bad }));
		await cpx.watch("a", bad, { ports });
		const why = await new Promise((told) => cpx.watch("b", told, { ports }));
		return [login, why, reported]`, port)
	if string(got.Value) != `["found","removed",6]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// onRemoved is called once, whatever comes after.
func TestWatchNotifiesOnce(t *testing.T) {
	e := newEvents()
	port := one(t, e, func(send func(string, ...any), r request) {
		if r.Params.Certificate == "a" {
			send(`{"jsonrpc":"2.0","method":"card","params":{"event":"removed"}}`)
		}
		send(`{"jsonrpc":"2.0","id":%d,"result":{"present":false}}`, r.ID)
		if r.Params.Certificate == "c" {
			send("close")
		}
	}, nil)
	got := inPage(t, `const ports = { first: %d, count: 1 }, told = [];
		await cpx.watch("a", (why) => told.push(why), { ports });
		(await cpx.watch("b", (why) => told.push("stopped " + why), { ports })).stop();
		return new Promise((done) => cpx.watch("c", (why) => done([...told, why]), { ports }))`, port)
	if string(got.Value) != `["removed","agent_lost"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// The agent ends a cancelled login a moment after the request: a login that
// follows at once is not refused as one too many.
func TestLoginRightAfterCancel(t *testing.T) {
	e := newEvents()
	running := 0
	port := one(t, e, func(send func(string, ...any), r request) {
		switch {
		case r.Method == "cancel":
			id := running
			time.AfterFunc(200*time.Millisecond, func() {
				e.add("ended") // before the page can know
				send(`{"jsonrpc":"2.0","id":%d,"error":{"code":1001,"message":"x","data":{"reason":"cancelled"}}}`, id)
			})
			send(`{"jsonrpc":"2.0","id":%d,"result":{}}`, r.ID)
		case running == 0:
			running = r.ID
			untilCancelled(send, r)
		case slices.Contains(e.all(), "ended"):
			signs(send, r)
		default:
			send(`{"jsonrpc":"2.0","id":%d,"error":{"code":1004,"message":"x","data":{"reason":"busy"}}}`, r.ID)
		}
	}, nil)
	got := inPage(t, dialling+`
		const stop = new AbortController(), o = { ports: { first: %d, count: 1 }, nonce: "n".repeat(44) };
		const first = await reason(cpx.authenticate({ ...o, signal: stop.signal, onProgress: (s) => s === "waiting-for-pin" && stop.abort() }));
		return [first, await reason(cpx.authenticate(o))]`, port)
	if string(got.Value) != `["aborted","found"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// An agent that hangs, on a socket that stays open, counts as gone: the next call
// searches anew.
func TestAgentThatHangs(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	hangsAfter(t, l[0], 2, e) // the search's request and the page's
	got := inPage(t, dialling+`
		const o = { ports: { first: %d, count: 1 } };
		return [await reason(cpx.status(o)), await reason(cpx.status(o)), dialled.length]`, first)
	if string(got.Value) != `["found","found",2]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// hangsAfter is an agent that answers that many requests on each socket.
func hangsAfter(t *testing.T, l net.Listener, questions int, e *events) {
	up := websocket.Upgrader{Subprotocols: []string{"cpx.v1"}, CheckOrigin: func(*http.Request) bool { return true }}
	serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for n := 1; ; n++ {
			var asked request
			if err := conn.ReadJSON(&asked); err != nil {
				return
			}
			e.add("asked")
			if n <= questions {
				_ = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, goodStatus, asked.ID))
			}
		}
	})
}

// Callers of one search get an error each.
func TestErrorsAreNotShared(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `const ports = { first: %d, count: 1 };
		const url = (o) => cpx.status({ ports, ...o }).catch((e) => [e instanceof cpx.CpxError, e.reason, e.installUrl ?? ""]);
		return Promise.all([url({ installUrl: "/a" }), url()])`, gone(t, 1))
	if string(got.Value) != `[[true,"no_agent","/a"],[true,"no_agent",""]]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// The dials begin 50 ms apart, above 40 ports within 2 s, and 150 ms after the last
// good port's, on a clock of the test's own.
func TestDialsAreStaggered(t *testing.T) {
	for _, c := range []struct {
		count, last int // last is the last good port's index, or -1
		want        string
	}{
		{4, -1, `[0,0,1,50,2,100,3,150]`},
		{4, 2, `[2,0,0,150,1,200,3,250]`},
		{100, -1, `[0,0,1,20,2,40,3,60]`},
	} {
		open(t, newEvents(), "", nil)
		got := inPage(t, `
			const first = %d, begun = [], real = setTimeout;
			if (%[3]d >= 0) localStorage["cpx-bridge.last"] = "ws://127.0.0.1:" + (first + %[3]d) + "/v1";
			let now = 0;
			window.setTimeout = (f, ms) => real(() => { now = ms; f(); }, ms / 5);
			window.WebSocket = class { constructor(url) { if (begun.length < 8) begun.push(new URL(url).port - first, now); } addEventListener() {} };
			cpx.status({ ports: { first, count: %[2]d } }).catch(() => 0);
			while (begun.length < 8) await new Promise((r) => real(r, 5));
			return begun`, 30000, c.count, c.last)
		if string(got.Value) != c.want {
			t.Errorf("%d ports: %s %s, want %s", c.count, got.Value, got.reason(), c.want)
		}
	}
}

// displacing is an agent that closes its first sockets for another page's sake, each at
// the first request of that method, and serves on the next.
func displacing(t *testing.T, l net.Listener, e *events, sockets int, method string, reply answer) {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{"cpx.v1"}, CheckOrigin: func(*http.Request) bool { return true }}
	var opened atomic.Int32
	serve(t, l, func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		last := int(opened.Add(1)) > sockets
		play(conn, "agent", e, goodStatus, func(send func(string, ...any), r request) {
			if last || r.Method != method {
				reply(send, r)
				return
			}
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, "room is wanted"), time.Now().Add(time.Second))
		})
	})
}

// A socket that the agent closes for another page's sake costs the page nothing: what was
// not answered was not begun, and is asked again on a new one, with the same challenge.
func TestDisplacedLoginGoesOn(t *testing.T) {
	for sockets, want := range map[int]string{1: "found", 3: "agent_lost"} {
		e := newEvents()
		open(t, e, "", nil)
		first, l := freePorts(t, 1)
		displacing(t, l[0], e, sockets, "authenticate", signs)
		got := inPage(t, dialling+`
			const o = { ports: { first: %d, count: 1 }, nonce: "n".repeat(44) };
			return [await reason(cpx.authenticate(o)), dialled.length]`, first)
		if string(got.Value) != fmt.Sprintf(`[%q,%d]`, want, min(sockets+1, 3)) {
			t.Errorf("%d sockets closed: %s %s", sockets, got.Value, got.reason())
		}
	}
}

// A socket closed while it was idle is no loss, and the next call dials anew.
func TestDisplacedWhileIdle(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	displacing(t, l[0], e, 1, "cancel", none)
	got := inPage(t, dialling+`
		const sockets = [], o = { ports: { first: %d, count: 1 } };
		window.WebSocket = class extends window.WebSocket { constructor(...all) { super(...all); sockets.push(this); } };
		await cpx.status(o);
		const closed = new Promise((r) => sockets[0].addEventListener("close", (e) => r(e.code)));
		sockets[0].send('{"jsonrpc":"2.0","id":99,"method":"cancel"}');
		return [await closed, await reason(cpx.status(o)), dialled.length]`, first)
	if string(got.Value) != `[1013,"found",2]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// A card goes on being watched: the page hears of its removal on the new socket, also of
// one that came in between, and an agent that goes for good is lost as ever.
func TestDisplacedWatchGoesOn(t *testing.T) {
	for name, c := range map[string]struct{ answer, after, want string }{
		"removed later":    {`{"present":true}`, `{"jsonrpc":"2.0","method":"card","params":{"event":"removed"}}`, "removed"},
		"removed meantime": {`{"present":false}`, "", "removed"},
		"lost":             {`{"present":true}`, "close", "agent_lost"},
	} {
		e := newEvents()
		open(t, e, "", nil)
		first, l := freePorts(t, 1)
		watches := 0
		displacing(t, l[0], e, 1, "cancel", func(send func(string, ...any), r request) {
			if watches++; watches == 1 {
				send(`{"jsonrpc":"2.0","id":%d,"result":{"present":true}}`, r.ID)
				return
			}
			send(`{"jsonrpc":"2.0","id":%d,"result":`+c.answer+`}`, r.ID)
			if c.after != "" {
				send(c.after)
			}
		})
		got := inPage(t, dialling+`
			const sockets = [], o = { ports: { first: %d, count: 1 } };
			window.WebSocket = class extends window.WebSocket { constructor(...all) { super(...all); sockets.push(this); } };
			return new Promise(async (told) => {
				await cpx.watch("a", (why) => told([why, dialled.length]), o);
				sockets[0].send('{"jsonrpc":"2.0","id":99,"method":"cancel"}');
			})`, first)
		if string(got.Value) != fmt.Sprintf(`[%q,2]`, c.want) {
			t.Errorf("%s: %s %s", name, got.Value, got.reason())
		}
	}
}
