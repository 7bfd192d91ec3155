package js

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// TestStatesOfTheAgent: every state that the agent can name reaches the page, and
// is declared as the agent's; the library drops one that it does not know without
// a word. TestTwins compares what is declared with both languages.
func TestStatesOfTheAgent(t *testing.T) {
	_, rest, found := strings.Cut(read(t, "src/cpx-bridge.d.mts"), "/** From here on the agent's own. */")
	union, _, ended := strings.Cut(rest, ";")
	if !found || !ended {
		t.Fatal("the declaration of Progress is not understood")
	}
	var states []string
	for _, state := range protocol.ProgressStates() {
		states = append(states, string(state))
	}
	if declared := names(`"([\w-]+)"`, union); !slices.Equal(declared, slices.Sorted(slices.Values(states))) {
		t.Errorf("declared %q, the agent has %q", declared, states)
	}
	port := one(t, newEvents(), func(send func(string, ...any), r request) {
		for _, state := range states {
			send("%s", protocol.NotifyProgress(protocol.Progress(state)))
		}
		send(`{"jsonrpc":"2.0","id":%d,"result":%s}`, r.ID, token)
	}, nil)
	got := inPage(t, `const seen = [];
		await cpx.authenticate({ nonce: "n".repeat(44), ports: { first: %d, count: 1 }, onProgress: (s) => seen.push(s) });
		return seen`, port)
	var seen []string
	if err := json.Unmarshal(got.Value, &seen); err != nil {
		t.Fatal(err, got.reason())
	}
	if want := append([]string{"searching"}, states...); !slices.Equal(seen, want) {
		t.Errorf("the page was told %q, want %q: see states in src/rpc.ts, and run make js", seen, want)
	}
}

// TestDetailsOfTheAgent: what is held against a certificate, and a service that
// does not answer, have sentences of their own; without one the page would show
// its reason's.
func TestDetailsOfTheAgent(t *testing.T) {
	keys := []string{protocol.Fail(protocol.CodeNoReader).Data.Reason + "/" + protocol.DetailNoService}
	for _, reason := range pkcs11.Reasons() {
		keys = append(keys, protocol.Fail(protocol.CodeNoCertificate).Data.Reason+"/"+string(reason))
	}
	for _, key := range keys {
		if !slices.Contains(reasons, key) {
			t.Errorf("%s is not among the tested sentences", key)
		}
	}
}
