package authtoken

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// outcomesOfNode are the vectors of which the verifier of examples/node-verifier says something
// else, in the order of the document's table.
var outcomesOfNode = []struct{ vector, says, because string }{
	{"revocation/revoked", "accepted", "it asks no list: add one"},
	{"revocation/issuer revoked", "accepted", "the same"},
	{"revocation/not known", "accepted", "the same"},
	{"test-cards/not accepted", "accepted", "it knows no test cards: configure no test authority"},
	{"test-cards/in a group of real cards", "accepted", "the same"},
	{"policies/refused", "accepted", "it has a required policy, and no refused ones"},
	{"chain/strict, and no policy", "accepted", "it lets issuers state no policy"},
	{"algorithm/not the site's", "accepted", "it takes all nine algorithms"},
	{"keys/RSA-2048 where the site wants 3072", "accepted", "it takes RSA from 2048 bits on"},
	{"usage/none, not required", "refused", "it requires extended key usage"},
	{"certificate/unreadable", "accepted", "OpenSSL reads alternative names more leniently, and nothing here uses them"},
	{"json/deep", "accepted", "it does not bound how deep an ignored member is nested; the length is bounded"},
}

// TestNodeVerifier: the verifier that the document shows says of each vector what it must,
// but of those that the document lists.
func TestNodeVerifier(t *testing.T) {
	node := need.Program(t, "node")
	example := filepath.Join("..", "examples", "node-verifier", "vectors.mjs")
	cmd := exec.Command(node, example, filepath.Join("testdata", "vectors", "vectors.json"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var v struct{ Name, Outcome, Why string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		said[v.Name] = v.Outcome
	}
	excused := map[string]string{}
	for _, n := range outcomesOfNode {
		excused[n.vector] = n.says
	}
	for _, v := range readVectors(t).Vectors {
		want, listed := excused[v.Name]
		if !listed {
			want = v.Outcome
		} else if want == v.Outcome {
			t.Errorf("%s is listed, and should be %s anyway", v.Name, want)
		}
		if said[v.Name] != want {
			t.Errorf("%s: %q, want %q", v.Name, said[v.Name], want)
		}
		delete(excused, v.Name)
	}
	for name := range excused {
		t.Errorf("no vector is named %s", name)
	}
}

// TestTokenDocument: the document's list and its example are right.
func TestTokenDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "token.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := "| vector | it says | because |\n|---|---|---|\n"
	for _, n := range outcomesOfNode {
		rows += fmt.Sprintf("| `%s` | %s | %s |\n", n.vector, n.says, n.because)
	}
	_, table, _ := strings.Cut(string(text), "<!-- node -->\n")
	if table, _, _ = strings.Cut(table, "<!-- /node -->"); table != rows {
		t.Errorf("the table should be\n%s", rows)
	}
	message, err := Message("RS256", "https://portail.example.fr", testNonce)
	if err != nil {
		t.Fatal(err)
	}
	sum := hex.EncodeToString(message)
	if example := sum[:64] + "\n" + sum[64:]; !strings.Contains(string(text), example) {
		t.Errorf("the example should be\n%s", example)
	}
}
