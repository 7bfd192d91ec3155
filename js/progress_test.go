package js

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// own are the states that the library reports itself.
var own = []string{"searching", "permission-prompt", "waiting-for-permission", "permission-overdue", "waiting-for-agent"}

// TestStatesOfTheAgent: every state that the agent can name is declared and reaches
// the page; the library silently drops a state that it does not know. TestTwins
// compares the declared ones with both languages.
func TestStatesOfTheAgent(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "src/cpx-bridge.d.mts"), "export type Progress")
	union, _, _ := strings.Cut(rest, ";")
	var states []string
	for _, state := range protocol.ProgressStates() {
		states = append(states, string(state))
	}
	want := slices.Sorted(slices.Values(slices.Concat(own, states)))
	if declared := names(`"([\w-]+)"`, union); !slices.Equal(declared, want) {
		t.Errorf("declared %q, library and agent have %q", declared, want)
	}
	port := one(t, newEvents(), func(send func(string, ...any), r request) {
		for _, state := range states {
			send("%s", protocol.NotifyProgress(protocol.Progress(state)))
		}
		send(`{"jsonrpc":"2.0","id":%d,"result":%s}`, r.ID, token)
	}, nil)
	got := inPage(t, `const seen = [];
		await cpx.authenticate({ nonce: "n".repeat(44), ports: { first: %d, count: 1 }, onProgress: (s) => seen.push(s) });
		return seen.filter((s) => s !== "waiting-for-agent")`, port) // a slow machine's agent may be silent
	var seen []string
	if err := json.Unmarshal(got.Value, &seen); err != nil {
		t.Fatal(err, got.reason())
	}
	if want := append([]string{"searching"}, states...); !slices.Equal(seen, want) {
		t.Errorf("the page got %q, want %q: see states in src/rpc.ts, and run make js", seen, want)
	}
}

// TestDetailsOfTheAgent: each reason to refuse a certificate, and a service that
// does not answer, has a sentence of its own; without it the page would show that
// of the reason.
func TestDetailsOfTheAgent(t *testing.T) {
	keys := []string{protocol.Fail(protocol.CodeNoReader).Data.Reason + "/" + protocol.DetailNoService}
	for _, detail := range []string{protocol.DetailNotPKCS11, protocol.DetailMissingDependency, protocol.DetailWrongArchitecture, protocol.DetailNotLoadable} {
		keys = append(keys, protocol.Fail(protocol.CodeNoModule).Data.Reason+"/"+detail)
	}
	for _, detail := range []string{protocol.DetailHanging, protocol.DetailStaleCache} {
		keys = append(keys, protocol.Fail(protocol.CodeModuleFailed).Data.Reason+"/"+detail)
	}
	keys = append(keys, protocol.Fail(protocol.CodeNoCertificate).Data.Reason+"/"+protocol.DetailHidden, protocol.Fail(protocol.CodePINNotSet).Data.Reason+"/"+protocol.DetailPINExpired)
	for _, reason := range pkcs11.Reasons() {
		keys = append(keys, protocol.Fail(protocol.CodeNoCertificate).Data.Reason+"/"+string(reason))
	}
	for _, key := range keys {
		if !slices.Contains(reasons, key) {
			t.Errorf("%s is not among the tested sentences", key)
		}
	}
}

// TestSilentAgent: an agent that is at another login sends nothing, lest a site learns of
// it. The page then says where that login is, until the agent begins with its own.
func TestSilentAgent(t *testing.T) {
	e := newEvents()
	type asking struct {
		send func(string, ...any)
		id   int
	}
	begun := make(chan asking, 1)
	element(t, e, withAgent(t, e, func(send func(string, ...any), r request) {
		if r.Method == "authenticate" {
			begun <- asking{send, r.ID}
		}
	}), login, "")
	click(t, "button")
	seen := awaitState(t, "waiting-for-agent")
	asked := <-begun
	begin, id := asked.send, asked.id
	if want := `["cpx-progress searching","cpx-progress waiting-for-agent"]`; seen != want {
		t.Errorf("%s, want %s", seen, want)
	}
	if got := inside(t, "text"); !strings.Contains(got, "fenêtre de CPx Bridge est déjà ouverte") {
		t.Error(got)
	}
	begin(`{"jsonrpc":"2.0","method":"progress","params":{"state":"waiting-for-pin"}}`)
	awaitState(t, "waiting-for-pin")
	begin(`{"jsonrpc":"2.0","id":%d,"error":{"code":1004,"message":"x","data":{"reason":"busy"}}}`, id)
	if got := awaitState(t, "error"); strings.Count(got, "waiting-for-agent") != 1 {
		t.Error(got)
	}
	for _, want := range []string{"Une autre identification", "fenêtre de CPx Bridge qui est ouverte"} {
		if got := inside(t, "error"); !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}
