package js

import (
	"encoding/json"
	"strings"
	"testing"
)

// Every reason of the protocol, of the library and of the verifier.
var reasons = strings.Fields(`
	cancelled consent_denied timeout busy busy/pause no_reader no_reader/no_service no_reader/no_permission no_card card_unsupported card_unsupported/mute card_removed
	no_certificate no_certificate/expired no_certificate/not_yet_valid no_certificate/not_for_authentication
	no_certificate/key_without_pin no_certificate/unreadable no_certificate/no_key no_certificate/key_unsupported no_certificate/hidden card_changed pin_locked pin_locked/locked_or_in_use pin_incorrect pin_incorrect/one pin_incorrect/some
	pin_not_set pin_not_set/pin_expired module_failed module_failed/hanging module_failed/stale_cache no_module no_module/not_pkcs11 no_module/missing_dependency no_module/wrong_architecture no_module/not_loadable no_module/untrusted_owner prompt_failed prompt_failed/untrusted_owner internal invalid_params protocol_error
	no_agent no_agent/safari permission_denied permission_denied/frame permission_dismissed policy_blocked policy_blocked/frame challenge_expired challenge_failed challenge_failed/pause
	aborted insecure_context csp_blocked csp_blocked/safari agent_lost agent_too_old page_too_old
	login_refused login_refused/pause login_refused/too_many_requests login_refused/unreachable login_refused/unexpected_answer
	login_refused/malformed_token login_refused/unsupported_format login_refused/malformed_certificate login_refused/unreadable_certificate
	login_refused/nonce_length login_refused/origin_invalid login_refused/wrong_key_usage
	login_refused/wrong_extended_key_usage login_refused/refused_policy login_refused/missing_policy
	login_refused/expired login_refused/not_yet_valid login_refused/untrusted_ca login_refused/issuer_not_allowed login_refused/test_card_refused
	login_refused/revoked login_refused/revocation_unknown login_refused/algorithm_refused login_refused/weak_key
	login_refused/bad_signature login_refused/card_attached_elsewhere login_refused/no_session`)

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
	var said map[string][2]struct{ Title, Help string }
	if err := json.Unmarshal(got.Value, &said); err != nil {
		t.Fatal(err, got.reason())
	}
	unknown := said["never_heard_of"]
	for key, s := range said {
		foreign := key == "never_heard_of" || key == "plain" || key == "toString" || key == "constructor"
		for i, x := range s {
			if x.Title == "" || x.Help == "" || strings.ContainsAny(x.Title+x.Help, "{}") || strings.Contains(x.Title+x.Help, "undefined") {
				t.Errorf("%s: %q %q", key, x.Title, x.Help)
			}
			if (x == unknown[i]) != foreign {
				t.Errorf("%s: own sentence %v, want %v: %q", key, x != unknown[i], !foreign, x.Title)
			}
		}
		if s[0].Title == s[1].Title || s[0].Help == s[1].Help {
			t.Errorf("%s: the same in both languages: %q", key, s[0])
		}
		// A detail has a sentence of its own.
		if reason, _, ok := strings.Cut(key, "/"); ok && s == said[reason] {
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
