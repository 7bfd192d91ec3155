package js

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

const token = `{"format":"web-eid:1.0","unverifiedCertificate":"dGVzdA==","algorithm":"RS256","signature":"c2ln","appVersion":"https://cpx-bridge.invalid/1"}`

func signs(send func(string, ...any), r request) {
	for _, state := range []string{"waiting-for-consent", "choosing-certificate", "waiting-for-pin", "signing"} {
		send(`{"jsonrpc":"2.0","method":"progress","params":{"state":%q}}`, state)
	}
	send(`{"jsonrpc":"2.0","id":%d,"result":%s}`, r.ID, token)
}

func accepts(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if string(body) != `{"auth-token":`+token+`}` || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, string(body), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, `{"next":"/espace"}`)
}

func problem(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// one opens a page and an agent on a single port, and returns the port.
func one(t *testing.T, e *events, reply answer, login http.HandlerFunc) int {
	t.Helper()
	open(t, e, "", login)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, reply)
	return first
}

func TestLogin(t *testing.T) {
	e := newEvents()
	var asked request
	port := one(t, e, func(send func(string, ...any), r request) { asked = r; signs(send, r) }, accepts)
	got := inPage(t, `const seen = [];
		const answer = await cpx.authenticate({ loginUrl: "/auth/login", lang: "fr", ports: { first: %d, count: 1 }, onProgress: (s) => seen.push(s) });
		return answer.next + " " + seen.filter((s) => s !== "waiting-for-agent").join(" ")`, port) // a slow machine's agent may be silent
	want := `"/espace searching waiting-for-consent choosing-certificate waiting-for-pin signing"`
	if string(got.Value) != want {
		t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
	}
	order := []string{"agent dialled", "agent status", "challenge", "agent authenticate", "login"}
	if all := e.all(); !slices.Equal(all, order) {
		t.Errorf("order %v, want %v", all, order)
	}
	if asked.Params.ChallengeNonce != nonce || asked.Params.Lang != "fr" {
		t.Errorf("the agent was asked %+v", asked.Params)
	}
}

func TestTokenOnlyWithNonce(t *testing.T) {
	e := newEvents()
	port := one(t, e, signs, nil)
	got := inPage(t, `return cpx.authenticate({ nonce: "mine", ports: { first: %d, count: 1 } })`, port)
	var a, b any
	if json.Unmarshal(got.Value, &a) != nil || json.Unmarshal([]byte(token), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("token %s %s", got.Value, got.reason())
	}
	if slices.Contains(e.all(), "challenge") {
		t.Error("a challenge was fetched though one was given")
	}
}

func TestRefusals(t *testing.T) {
	seven, two := 7, 2
	says := func(body string) answer {
		return func(send func(string, ...any), r request) { send(`{"jsonrpc":"2.0","id":%d,"error":%s}`, r.ID, body) }
	}
	for _, c := range []struct {
		name  string
		reply answer
		login http.HandlerFunc
		url   string
		want  failure
	}{
		{name: "wrong pin", reply: says(`{"code":1202,"message":"x","data":{"reason":"pin_incorrect","triesLeft":2}}`),
			want: failure{Reason: "pin_incorrect", Code: 1202, TriesLeft: &two}},
		{name: "paused", reply: says(`{"code":1004,"message":"x","data":{"reason":"busy","retryAfter":7}}`),
			want: failure{Reason: "busy", Code: 1004, RetryAfter: &seven}},
		{name: "reference", reply: says(`{"code":1201,"message":"x","data":{"reason":"pin_locked","reference":"K7M4PX"}}`),
			want: failure{Reason: "pin_locked", Code: 1201, Reference: "K7M4PX"}},
		{name: "no reference", reply: says(`{"code":1201,"message":"x","data":{"reason":"pin_locked","reference":"K7M4PX, call 0900 TEST"}}`),
			want: failure{Reason: "pin_locked", Code: 1201}},
		{name: "portals reference", reply: signs, login: problem(403, `{"reason":"untrusted_ca","detail":"other","reference":"K7M4PX"}`),
			want: failure{Reason: "login_refused", Code: 403, Detail: "untrusted_ca", ProblemDetail: "other", RetryAfter: &seven, Reference: "K7M4PX"}},
		{name: "expired card", reply: says(`{"code":1105,"message":"x","data":{"reason":"no_certificate","detail":"expired"}}`),
			want: failure{Reason: "no_certificate", Code: 1105, Detail: "expired"}},
		{name: "unforeseen", reply: says(`{"code":-32603,"message":"x"}`), want: failure{Reason: "internal", Code: -32603}},
		{name: "agent lost", reply: func(send func(string, ...any), _ request) { send("close") }, want: failure{Reason: "agent_lost"}},
		{name: "nonsense", reply: func(send func(string, ...any), _ request) { send("]") }, want: failure{Reason: "agent_lost"}},
		{name: "expired challenge", reply: signs, login: problem(401, `{"reason":"nonce_expired","detail":"late"}`),
			want: failure{Reason: "challenge_expired", Code: 401, Detail: "nonce_expired", ProblemDetail: "late", RetryAfter: &seven}},
		{name: "unknown challenge", reply: signs, login: problem(401, `{"reason":"nonce_unknown"}`),
			want: failure{Reason: "challenge_expired", Code: 401, Detail: "nonce_unknown", RetryAfter: &seven}},
		{name: "unknown ca", reply: signs, login: problem(403, `{"reason":"untrusted_ca","detail":"other"}`),
			want: failure{Reason: "login_refused", Code: 403, Detail: "untrusted_ca", ProblemDetail: "other", RetryAfter: &seven}},
		{name: "no json", reply: signs, login: problem(500, `oops`),
			want: failure{Reason: "login_refused", Code: 500, RetryAfter: &seven}},
		{name: "redirected", reply: signs, login: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
			want: failure{Reason: "login_refused", Detail: "unexpected_answer"}},
		{name: "carried on", reply: signs, login: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
			want: failure{Reason: "login_refused", Detail: "unexpected_answer"}},
		{name: "a page", reply: signs, login: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html>") },
			want: failure{Reason: "login_refused", Code: 200, Detail: "unexpected_answer"}},
		{name: "no challenge", reply: signs, url: "/auth/broken", want: failure{Reason: "challenge_failed", Code: 502}},
		{name: "challenge is no json", reply: signs, url: "/", want: failure{Reason: "challenge_failed", Code: 200}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			e := newEvents()
			port := one(t, e, c.reply, c.login)
			if c.url == "" {
				c.url = "/auth/challenge"
			}
			got := inPage(t, `return cpx.authenticate({ challengeUrl: %q, loginUrl: "/auth/login", ports: { first: %d, count: 1 } })`, c.url, port)
			a, _ := json.Marshal(got.Error)
			b, _ := json.Marshal(c.want)
			if string(a) != string(b) {
				t.Errorf("%s, want %s", a, b)
			}
		})
	}
}

// Any program may answer: only a token goes on to page and portal.
func TestNoToken(t *testing.T) {
	for _, result := range []string{`null`, `7`, `[]`, `{}`, `"web-eid:1.0"`, strings.Replace(token, `"c2ln"`, `{}`, 1), strings.Replace(token, `"algorithm"`, `"constructor"`, 1)} {
		e := newEvents()
		port := one(t, e, func(send func(string, ...any), r request) {
			if r.Method == "authenticate" {
				send(`{"jsonrpc":"2.0","id":%d,"result":%s}`, r.ID, result)
			}
		}, accepts)
		for _, where := range []string{`loginUrl: "/auth/login"`, `nonce: "n".repeat(44)`} {
			if got := inPage(t, `return cpx.authenticate({ %s, ports: { first: %d, count: 1 } })`, where, port); got.reason() != "protocol_error" {
				t.Errorf("%s: %s", result, got.reason())
			}
		}
		if slices.Contains(e.all(), "login") {
			t.Errorf("%s was sent to the portal", result)
		}
	}
}

// A portal may answer with nothing but its cookie; another origin gets nothing.
func TestLoginAddress(t *testing.T) {
	e := newEvents()
	port := one(t, e, signs, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(other.Close)
	got := inPage(t, `const ports = { first: %d, count: 1 };
		const here = await cpx.authenticate({ loginUrl: "/auth/login", ports });
		const there = await cpx.authenticate({ loginUrl: %q, ports }).catch((e) => e.reason + " " + e.detail);
		return [here, there]`, port, other.URL)
	if string(got.Value) != `[{},"login_refused unreachable"]` || elsewhere.Load() > 0 {
		t.Errorf("%s %s, %d requests elsewhere", got.Value, got.reason(), elsewhere.Load())
	}
}

// The page gets only those of the agent's states that it has texts for.
func TestProgressOfTheAgent(t *testing.T) {
	e := newEvents()
	port := one(t, e, func(send func(string, ...any), r request) {
		for _, state := range []string{`"done"`, `"idle"`, `"error"`, `"searching"`, `"constructor"`, `7`, `null`, `"waiting-for-card"`} {
			send(`{"jsonrpc":"2.0","method":"progress","params":{"state":%s}}`, state)
		}
		signs(send, r)
	}, nil)
	got := inPage(t, `const seen = [];
		await cpx.authenticate({ nonce: "n".repeat(44), ports: { first: %d, count: 1 }, onProgress: (s) => seen.push(s) });
		return seen.slice(0, 3)`, port)
	if string(got.Value) != `["searching","waiting-for-card","waiting-for-consent"]` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

func TestAbortCancels(t *testing.T) {
	e := newEvents()
	var pending int
	port := one(t, e, func(send func(string, ...any), r request) {
		switch r.Method {
		case "authenticate":
			pending = r.ID
			send(`{"jsonrpc":"2.0","method":"progress","params":{"state":"waiting-for-pin"}}`)
		case "cancel":
			send(`{"jsonrpc":"2.0","id":%d,"error":{"code":1001,"message":"x","data":{"reason":"cancelled"}}}`, pending)
			send(`{"jsonrpc":"2.0","id":%d,"result":{}}`, r.ID)
		}
	}, accepts)
	got := inPage(t, `const stop = new AbortController();
		return cpx.authenticate({ signal: stop.signal, loginUrl: "/auth/login", ports: { first: %d, count: 1 }, onProgress: (s) => s === "waiting-for-pin" && stop.abort() })`, port)
	if got.reason() != "aborted" {
		t.Error(got.reason())
	}
	e.await(t, "agent cancel")
	if slices.Contains(e.all(), "login") {
		t.Error("a token was sent after the cancel")
	}
	before := len(e.all())
	got = inPage(t, `return cpx.authenticate({ signal: AbortSignal.abort(), ports: { first: %d, count: 1 } })`, port)
	if got.reason() != "aborted" || len(e.all()) != before {
		t.Errorf("aborted before it began: %s, %v", got.reason(), e.all()[before:])
	}
}

func TestWatch(t *testing.T) {
	e := newEvents()
	digest := make(chan string, 1)
	port := one(t, e, func(send func(string, ...any), r request) {
		digest <- r.Params.Certificate
		send(`{"jsonrpc":"2.0","id":%d,"result":{"present":true}}`, r.ID)
		send(`{"jsonrpc":"2.0","method":"card","params":{"event":"removed"}}`)
		send(`{"jsonrpc":"2.0","method":"card","params":{"event":"removed"}}`)
	}, nil)
	got := inPage(t, `const id = await cpx.certificateOf(%s);
		let calls = 0, present;
		await new Promise(async (done) => {
			const w = await cpx.watch(id, (why) => { calls++; if (why === "removed") done(); }, { ports: { first: %d, count: 1 } });
			present = w.present;
		});
		await cpx.status({ ports: { first: %d, count: 1 } });
		return [present, calls]`, token, port, port)
	if string(got.Value) != "[true,1]" {
		t.Errorf("%s %s", got.Value, got.reason())
	}
	// SHA-256 of "test".
	if d := <-digest; d != "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" {
		t.Errorf("watched %s", d)
	}
}
