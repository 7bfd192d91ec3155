package js

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every reason of the protocol, of the library and of the verifier.
var reasons = strings.Fields(`
	cancelled consent_denied timeout busy busy/pause no_reader no_reader/no_service no_reader/no_permission no_card card_unsupported card_unsupported/mute card_removed
	no_certificate no_certificate/expired no_certificate/not_yet_valid no_certificate/not_for_authentication
	no_certificate/key_without_pin no_certificate/unreadable no_certificate/no_key no_certificate/key_unsupported no_certificate/hidden card_changed pin_locked pin_locked/locked_or_in_use pin_incorrect pin_incorrect/one pin_incorrect/some
	pin_not_set pin_not_set/pin_expired module_failed module_failed/hanging module_failed/stale_cache no_module no_module/not_pkcs11 no_module/missing_dependency no_module/wrong_architecture no_module/not_loadable no_module/untrusted_owner prompt_failed prompt_failed/untrusted_owner internal invalid_params protocol_error
	no_agent no_agent/known no_agent/safari no_agent/handheld permission_denied permission_denied/frame permission_dismissed permission_pending policy_blocked policy_blocked/frame challenge_expired challenge_failed challenge_failed/pause
	aborted insecure_context csp_blocked csp_blocked/safari agent_lost agent_too_old page_too_old
	login_refused login_refused/pause login_refused/too_many_requests login_refused/unreachable login_refused/unexpected_answer
	login_refused/malformed_token login_refused/unsupported_format login_refused/malformed_certificate login_refused/unreadable_certificate
	login_refused/malformed_request login_refused/nonce_length login_refused/origin_invalid login_refused/wrong_key_usage
	login_refused/wrong_extended_key_usage login_refused/refused_policy login_refused/missing_policy
	login_refused/expired login_refused/not_yet_valid login_refused/untrusted_ca login_refused/issuer_not_allowed login_refused/test_card_refused
	login_refused/revoked login_refused/revocation_unknown login_refused/algorithm_refused login_refused/weak_key
	login_refused/bad_signature login_refused/card_attached_elsewhere login_refused/no_session login_refused/csrf_failed`)

func TestSentences(t *testing.T) {
	open(t, newEvents(), "", nil)
	list, err := json.Marshal(reasons)
	if err != nil {
		t.Fatal(err)
	}
	got := inPage(t, `const out = {};
		for (const key of [...%s, "never_heard_of", "toString", "constructor"]) {
			const [reason, detail] = key.split("/");
			const data = { pause: { retryAfter: reason === "busy" ? 299 : 31 }, one: { triesLeft: 1 }, some: { triesLeft: 2 } }[detail] ?? { detail };
			const e = new cpx.CpxError(reason, data);
			out[key] = [await cpx.sentence(e, "fr-FR"), await cpx.sentence(e, "en")];
		}
		out.plain = [await cpx.sentence(new TypeError("x"), "fr"), await cpx.sentence(undefined, "de")];
		return out`, list)
	type text struct {
		Title, Help string
		List        []string
	}
	var said map[string][2]text
	if err := json.Unmarshal(got.Value, &said); err != nil {
		t.Fatal(err, got.reason())
	}
	same := func(a, b text) bool { return a.Title == b.Title && a.Help == b.Help && slices.Equal(a.List, b.List) }
	unknown := said["never_heard_of"]
	for key, s := range said {
		foreign := key == "never_heard_of" || key == "plain" || key == "toString" || key == "constructor"
		for i, x := range s {
			if x.Title == "" || x.Help == "" || strings.ContainsAny(x.Title+x.Help, "{}") || strings.Contains(x.Title+x.Help, "undefined") {
				t.Errorf("%s: %q %q", key, x.Title, x.Help)
			}
			if same(x, unknown[i]) != foreign {
				t.Errorf("%s: own sentence %v, want %v: %q", key, !foreign, foreign, x.Title)
			}
		}
		if s[0].Title == s[1].Title || s[0].Help == s[1].Help {
			t.Errorf("%s: the same in both languages: %q", key, s[0])
		}
		// A detail has a sentence of its own.
		if reason, _, ok := strings.Cut(key, "/"); ok && same(s[0], said[reason][0]) {
			t.Errorf("%s: says no more than %s", key, reason)
		}
	}
	for key, part := range map[string]string{"pin_incorrect/some": "2", "challenge_failed/pause": "31\u00a0s", "busy/pause": "5\u00a0min"} {
		if !strings.Contains(said[key][0].Help, part) {
			t.Errorf("%s does not say %s: %q", key, part, said[key][0].Help)
		}
	}
}

// Where the library has no text for a refusal, the portal's own is shown.
func TestPortalsOwnText(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `const say = async (detail) => (await cpx.sentence(new cpx.CpxError("login_refused", { detail, problemDetail: "Compte fermé." }), "fr")).help;
		return [await say("account_closed") === "Compte fermé.", await say("revoked") === "Compte fermé."]`)
	if string(got.Value) != "[true,false]" {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// The causes of an absent agent stand in the order of their likelihood: where one has
// answered in this browser before, it is installed.
func TestCausesOfNoAgent(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	port, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	got := inPage(t, `const causes = async (first) => {
			const { list } = await cpx.sentence(await cpx.status({ ports: { first, count: 1 } }).catch((e) => e), "fr");
			return list.map((x) => /install|pas d|autoris/.exec(x)[0].replace(" ", "-")).join(" ");
		};
		const before = await causes(%d);
		await cpx.status({ ports: { first: %d, count: 1 } });
		return [before, await causes(%[1]d)]`, gone(t, 1), port)
	if want := `["install pas-d autoris","pas-d autoris install"]`; string(got.Value) != want {
		t.Errorf("%s %s, want %s", got.Value, got.reason(), want)
	}
}

// A telephone and a tablet have no agent, and are not told to start or install one.
func TestHandheld(t *testing.T) {
	const (
		android = "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
		iPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
		mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
	)
	for _, c := range []struct {
		agent, vendor string
		touch         int
		want          string
	}{
		{android, "Google Inc.", 5, "handheld"}, {iPhone, "Apple Computer, Inc.", 5, "handheld"}, {mac, "Apple Computer, Inc.", 5, "handheld"}, {mac, "Apple Computer, Inc.", 0, "safari"},
	} {
		open(t, newEvents(), "", nil)
		got := inPage(t, `for (const [name, value] of Object.entries({ userAgent: %q, vendor: %q, maxTouchPoints: %d })) Object.defineProperty(navigator, name, { get: () => value });
			const e = await cpx.status({ ports: { first: %d, count: 1 }, wss: { first: %[4]d, count: 1 }, installUrl: "/a" }).catch((e) => e);
			return [e.reason, e.detail, (await cpx.sentence(e)).links.length]`, c.agent, c.vendor, c.touch, gone(t, 1))
		links := map[bool]int{true: 0, false: 1}[c.want == "handheld"]
		if want := fmt.Sprintf(`["no_agent",%q,%d]`, c.want, links); string(got.Value) != want {
			t.Errorf("%s: %s %s, want %s", c.agent, got.Value, got.reason(), want)
		}
	}
}

// Where the texts cannot be loaded a person still reads what to do.
func TestTextsUnreachable(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `const lib = await import("/bare/cpx-bridge.mjs");
		return [await lib.sentence(new lib.CpxError("busy"), "fr"), await lib.sentence(new lib.CpxError("busy"), "en")]`)
	var said []struct{ Title, Help string }
	err := json.Unmarshal(got.Value, &said)
	if want := "[{L’identification n’a pas abouti. Rechargez la page, puis recommencez.} {The login did not succeed. Reload the page, then try again.}]"; err != nil || fmt.Sprint(said) != want {
		t.Errorf("%v %s, want %s", said, got.reason(), want)
	}
}

// The links lead to the site's pages, and to the part of its help that is about the
// reason; only an http or https address becomes one.
func TestLinks(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `const links = async (reason, data, lang = "en") =>
			(await cpx.sentence(new cpx.CpxError(reason, data), lang)).links.map((l) => l.text + " " + l.href.replace(location.origin, "")).join(", ");
		const both = { installUrl: "/a", helpUrl: "/aide" };
		return [
			await links("no_agent", both), await links("no_agent", both, "fr"), await links("agent_too_old", both), await links("permission_denied", both),
			await links("permission_pending", both), await links("agent_lost", both), await links("pin_locked", both),
			await links("no_agent", { helpUrl: "https://aide.example.fr/x?y=1#z" }),
			...await Promise.all(["javascript:alert(1)", "data:text/html,x", "http://", ""].map((url) => links("no_agent", { installUrl: url, helpUrl: url }))),
		]`)
	const help = "Help with logging in by card "
	want := []string{
		"Install the agent /a, " + help + "/aide#no_agent", "Installer l’agent /a, Aide à l’identification par carte /aide#no_agent",
		"Install the agent /a", help + "/aide#permission_denied", help + "/aide#permission_pending", help + "/aide#agent_lost", "",
		help + "https://aide.example.fr/x?y=1#z", "", "", "", "",
	}
	var made []string
	if err := json.Unmarshal(got.Value, &made); err != nil || !slices.Equal(made, want) {
		t.Errorf("%q %s\nwant %q", made, got.reason(), want)
	}
}
