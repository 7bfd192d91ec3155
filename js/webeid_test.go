package js

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
)

// webEid is a page library with the documented interface of Web eID's: one request
// of a kind at a time, an acknowledgement within a second, then success or failure.
const webEid = `
	const webeid = (action, fields = {}) => new Promise((resolve, reject) => {
		const late = setTimeout(() => finish(reject, { code: "ERR_WEBEID_EXTENSION_UNAVAILABLE" }), 1000);
		const finish = (f, v) => { clearTimeout(late); removeEventListener("message", heard); f(v); };
		const heard = ({ data }) => {
			if (data?.action === action + "-ack") clearTimeout(late);
			else if (data?.action === action + "-success") finish(resolve, data);
			else if (data?.action === action + "-failure") finish(reject, data.error);
		};
		addEventListener("message", heard);
		postMessage({ action, libraryVersion: "2.1.0", ...fields }, "*");
	});`

// webEidPage shows a page with the script, for an agent on that port.
func webEidPage(t *testing.T, e *events, port int) {
	t.Helper()
	body := fmt.Sprintf(`<script src="/static/web-eid-compat.js" data-ports-first="%d" data-ports-count="1"></script>`, port)
	visit(t, site(t, e, nil)+"?csp="+url.QueryEscape(strict)+"&body="+url.QueryEscape(body))
}

// asWebEid makes a request as the page library does, and returns the answer's
// fields, or the error's.
func asWebEid(t *testing.T, action, fields string) map[string]any {
	t.Helper()
	got := inPage(t, webEid+`return webeid("web-eid:%s", %s).catch((error) => ({ error }))`, action, fields)
	var answer map[string]any
	if err := json.Unmarshal(got.Value, &answer); err != nil {
		t.Fatal(err, got.reason())
	}
	return answer
}

func TestWebEidAuthenticate(t *testing.T) {
	e := newEvents()
	var asked request
	webEidPage(t, e, withAgent(t, e, func(send func(string, ...any), r request) { asked = r; signs(send, r) }))
	answer := asWebEid(t, "authenticate", fmt.Sprintf(`{ challengeNonce: %q, options: { lang: "en", userInteractionTimeout: 60000 } }`, nonce))
	var want map[string]any
	if err := json.Unmarshal([]byte(token), &want); err != nil {
		t.Fatal(err)
	}
	want["action"] = "web-eid:authenticate-success"
	if fmt.Sprint(answer) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", answer, want)
	}
	if asked.Params.ChallengeNonce != nonce || asked.Params.Lang != "en" {
		t.Errorf("the agent was asked %+v", asked.Params)
	}
	if slices.Contains(e.all(), "challenge") {
		t.Error("a challenge was fetched though the site gave one")
	}
}

// A program that answers as the agent cannot choose the message's action, and
// messages between other scripts are not taken for the extension's.
func TestWebEidSetsTheAction(t *testing.T) {
	e := newEvents()
	webEidPage(t, e, withAgent(t, e, func(send func(string, ...any), r request) {
		send(`{"jsonrpc":"2.0","id":%d,"result":%s}`, r.ID, strings.Replace(token, "{", `{"action":"other:do-something","__proto__":{"code":"x"},`, 1))
	}))
	got := inPage(t, `const heard = [];
		addEventListener("message", ({ data }) => heard.push(data.action));
		postMessage({ action: "other:hello-ack" });
		postMessage({ action: "web-eid:authenticate", challengeNonce: "x".repeat(44) });
		while (!heard.some((a) => /-success|-failure|do-something/.test(a))) await new Promise((r) => setTimeout(r, 10));
		return heard`)
	if want := `["other:hello-ack","web-eid:authenticate","web-eid:authenticate-ack","web-eid:authenticate-success"]`; string(got.Value) != want {
		t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
	}
}

func TestWebEidStatus(t *testing.T) {
	// web-eid.js fails where a version is lower than its own, so that ours are not told.
	for name, status := range map[string]string{
		"allowed":     `{"jsonrpc":"2.0","id":%d,"result":{"protocol":1,"agent":{"name":"CPx Bridge","version":"0.1.0"},"readers":1,"card":"present"}}`,
		"not allowed": goodStatus,
		"no version":  `{"jsonrpc":"2.0","id":%d,"result":{"protocol":1,"agent":{"name":"CPx Bridge","version":"dev"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvents()
			port, l := freePorts(t, 1)
			agentOn(t, l[0], "agent", e, status, none)
			webEidPage(t, e, port)
			answer := asWebEid(t, "status", `{}`)
			if answer["library"] != "2.1.0" || answer["extension"] != "2.1.0" || answer["nativeApp"] != "2.1.0" {
				t.Errorf("%v", answer)
			}
		})
	}
}

// Each failure has the code that API.md states, the text for people, and the form
// that the library makes its errors from.
func TestWebEidFailures(t *testing.T) {
	codes := webEidCodes(t)
	t.Run("of the agent", func(t *testing.T) {
		// The agent fails as the challenge says.
		numbers := agentCodes(t)
		e := newEvents()
		webEidPage(t, e, withAgent(t, e, func(send func(string, ...any), r request) {
			reason := strings.TrimRight(r.Params.ChallengeNonce, "-")
			send(`{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":"x","data":{"reason":%q}}}`, r.ID, numbers[reason], reason)
		}))
		numbers["constructor"], numbers["__proto__"] = 1999, 1999 // from a newer agent, or another program
		for reason := range numbers {
			answer := asWebEid(t, "authenticate", fmt.Sprintf(`{ challengeNonce: %q.padEnd(44, "-"), options: { lang: "en" } }`, reason))
			failed(t, answer, codes(reason), reason)
		}
	})
	t.Run("no agent", func(t *testing.T) {
		e := newEvents()
		port, l := freePorts(t, 1)
		l[0].Close()
		webEidPage(t, e, port)
		failed(t, asWebEid(t, "authenticate", `{ challengeNonce: "x".repeat(44) }`), codes("no_agent"), "no_agent")
		failed(t, asWebEid(t, "status", `{}`), codes("no_agent"), "no_agent")
	})
	t.Run("too old", func(t *testing.T) {
		e := newEvents()
		webEidPage(t, e, withAgent(t, e, none))
		answer := asWebEid(t, "authenticate", `{ challengeNonce: "x".repeat(44) }`)
		failed(t, answer, codes("agent_too_old"), "agent_too_old")
		if got := fmt.Sprint(answer["error"].(map[string]any)["requiresUpdate"]); got != "map[extension:false nativeApp:true]" {
			t.Error(got)
		}
	})
	t.Run("time", func(t *testing.T) {
		e := newEvents()
		webEidPage(t, e, withAgent(t, e, untilCancelled))
		failed(t, asWebEid(t, "authenticate", `{ challengeNonce: "x".repeat(44), options: { userInteractionTimeout: 1000 } }`), codes("aborted"), "aborted")
		e.await(t, "agent cancel")
	})
	t.Run("without nonce", func(t *testing.T) {
		e := newEvents()
		webEidPage(t, e, withAgent(t, e, signs))
		failed(t, asWebEid(t, "authenticate", `{}`), "ERR_WEBEID_MISSING_PARAMETER", "")
	})
	t.Run("no agent, with its causes", func(t *testing.T) {
		webEidPage(t, newEvents(), gone(t, 1))
		message := asWebEid(t, "status", `{}`)["error"].(map[string]any)["message"].(string)
		if strings.Count(message, "CPx Bridge") != 2 || !strings.Contains(message, "autorisé") {
			t.Error(message)
		}
	})
	t.Run("twice", func(t *testing.T) {
		e := newEvents()
		webEidPage(t, e, withAgent(t, e, untilCancelled))
		got := inPage(t, webEid+`const ask = () => webeid("web-eid:authenticate", { challengeNonce: "x".repeat(44) }).catch((error) => error.code);
			return Promise.race([ask(), ask()])`)
		if string(got.Value) != `"ERR_WEBEID_ACTION_PENDING"` {
			t.Errorf("%s %s", got.Value, got.reason())
		}
	})
	for _, action := range []string{"sign", "get-signing-certificate"} {
		t.Run(action, func(t *testing.T) {
			e := newEvents()
			webEidPage(t, e, withAgent(t, e, signs))
			answer := asWebEid(t, action, `{ certificate: "YQ==", hash: "YQ==", hashFunction: "SHA-256" }`)
			failed(t, answer, "ERR_WEBEID_UNKNOWN_ERROR", "")
			if answer["error"].(map[string]any)["unsupported"] != true || len(e.all()) != 0 {
				t.Errorf("%v %v", answer, e.all())
			}
		})
	}
}

func failed(t *testing.T, answer map[string]any, code, reason string) {
	t.Helper()
	e, _ := answer["error"].(map[string]any)
	message, _ := e["message"].(string)
	if e["code"] != code || message == "" || strings.Contains(message, "Error") {
		t.Errorf("%v, want %s", answer, code)
	}
	if got, _ := e["reason"].(string); got != reason {
		t.Errorf("reason %q, want %q", got, reason)
	}
}

// webEidCodes is API.md's table.
func webEidCodes(t *testing.T) func(reason string) string {
	t.Helper()
	table := map[string]string{}
	for line := range strings.Lines(between(t, read(t, "API.md"), "web-eid")) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		code := strings.Trim(cells[2], " `")
		if strings.TrimSpace(cells[1]) == "every other" {
			table[""] = code
		}
		for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(cells[1], -1) {
			table[m[1]] = code
		}
	}
	return func(reason string) string {
		if code, ok := table[reason]; ok {
			return code
		}
		return table[""]
	}
}

// The real extension, where there is one, answers first; other windows get no
// answer.
func TestWebEidYields(t *testing.T) {
	e := newEvents()
	port := withAgent(t, e, signs)
	webEidPage(t, e, port)
	got := inPage(t, webEid+`
		addEventListener("message", ({ data }) => {
			if (data?.action === "web-eid:status") {
				postMessage({ action: "web-eid:status-ack" }, "*");
				postMessage({ action: "web-eid:status-success", library: "2.1.0", extension: "9.9.9", nativeApp: "9.9.9" }, "*");
			}
		});
		const first = (await webeid("web-eid:status")).extension;
		const later = await webeid("web-eid:authenticate", { challengeNonce: "x".repeat(44) }).catch((e) => e.code);
		return [first, later]`)
	if string(got.Value) != `["9.9.9","ERR_WEBEID_EXTENSION_UNAVAILABLE"]` || len(e.all()) != 0 {
		t.Errorf("%s %s %v", got.Value, got.reason(), e.all())
	}
	webEidPage(t, e, port)
	got = inPage(t, webEid+`
		const frame = document.createElement("iframe");
		document.body.append(frame);
		let heard = 0;
		addEventListener("message", ({ data }) => { if (/-ack|-failure|-success/.test(data?.action)) heard++; });
		window.dispatchEvent(new MessageEvent("message", { data: { action: "web-eid:status" }, source: frame.contentWindow }));
		await webeid("web-eid:sign").catch(() => 0);
		return heard`)
	if string(got.Value) != `2` {
		t.Errorf("another window was answered: %s %s", got.Value, got.reason())
	}
}

// webEidAsking is the page library's on a page about which the browser asks its
// question: its state is decided by decide. The page's own time limit for a status is
// the official library's.
const webEidAsking = webEid + `
	const waits = 6000;
	const given = (action, fields) => Promise.race([
		webeid(action, fields).then((d) => d.nativeApp ?? "token", (e) => e.code + " " + e.reason + " " + e.message),
		new Promise((r) => setTimeout(r, waits, "ERR_WEBEID_ACTION_TIMEOUT")),
	]);
	let state = "prompt";
	const answered = { get state() { return state; } };
	navigator.permissions.query = async () => answered;
	const decide = (s) => { state = s; answered.onchange?.(); };`

// While the browser's own question stands, a status fails before the page gives up on it
// and speaks of the question, a second one is not refused as one too many, and once the
// person has answered the next finds the agent.
func TestWebEidWhileTheBrowserAsks(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil) // starts the browser and, with it, the public site
	setPublic(t, cdpbrowser.PermissionSettingGranted)
	first, _ := agentOnceAsked(t, e)
	visit(t, publicSite+"/?body="+url.QueryEscape(fmt.Sprintf(`<script src="/static/web-eid-compat.js" data-ports-first="%d" data-ports-count="1"></script>`, first)))
	got := inPage(t, webEidAsking+`
		const both = await Promise.all([given("web-eid:status"), given("web-eid:status"), given("web-eid:authenticate", { challengeNonce: "x".repeat(44), options: { lang: "fr", userInteractionTimeout: 3000 } })]);
		const third = given("web-eid:status");
		decide("granted");
		void fetch(%q, { mode: "no-cors" });
		return [...both, await third]`, decided(t, e))
	var said []string
	if err := json.Unmarshal(got.Value, &said); err != nil || len(said) != 4 {
		t.Fatalf("%s %s", got.Value, got.reason())
	}
	for i, want := range []string{"status", "second status", "login"} {
		if !strings.HasPrefix(said[i], "ERR_WEBEID_USER_TIMEOUT permission_pending Le navigateur n’a pas encore votre réponse.") || !strings.Contains(said[i], "choisissez « Autoriser »") {
			t.Errorf("%s: %s", want, said[i])
		}
	}
	if said[3] != "0.0.0" && said[3] != "2.1.0" {
		t.Errorf("after the answer: %s", said[3])
	}
}
