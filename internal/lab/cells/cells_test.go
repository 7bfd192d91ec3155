package cells

import (
	"slices"
	"strings"
	"testing"
)

// TestTable: only a table whose cells all passed, or are allowed to be missing, is good,
// and what is wrong is named.
func TestTable(t *testing.T) {
	good := Result{Case: "agent/peer", Column: "amd64", State: Passed, Tests: 3}
	absent := Result{Case: "RSA on CPS3, by Node", Column: "386", Why: "no Node for 386"}
	failing := Result{Case: "agent/peer", Column: "386", State: Failed, Why: "--- FAIL: TestX\nwrong"}
	for name, c := range map[string]struct {
		results []Result
		allowed []string
		want    string // "" for status 0
		prints  []string
	}{
		"passed":               {[]Result{good}, nil, "", []string{"agent/peer  ok, 3 tests  -", "1 cells: 1 passed, 0 failed, 0 not tried"}},
		"failed":               {[]Result{good, failing}, nil, "failed: agent/peer (386)", []string{"ok, 3 tests  FAIL", "FAIL agent/peer, 386:\n    --- FAIL: TestX\n    wrong"}},
		"not tried":            {[]Result{good, absent}, nil, "ALLOW_MISSING=rsa-on-cps3-by-node takes", []string{"NOT TRIED [1]", "[1] no Node for 386", "1 not tried"}},
		"not tried, allowed":   {[]Result{good, absent}, []string{"rsa-on-cps3-by-node"}, "", []string{"NOT TRIED [1]", "1 not tried"}},
		"another one allowed":  {[]Result{good, absent}, []string{"agent-peer"}, "not tried", nil},
		"failing, allowed":     {[]Result{failing}, []string{"agent-peer"}, "failed", nil},
		"unknown name allowed": {[]Result{good}, []string{"agent-pier"}, `"agent-pier", which is no case`, nil},
		"nothing":              {nil, nil, "nothing was tried", nil},
		"the zero value":       {[]Result{{Case: "x", Column: "amd64"}}, nil, "not tried", nil},
	} {
		var out strings.Builder
		err := Table(&out, []string{"amd64", "386"}, c.results, c.allowed)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		for _, text := range c.prints {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: no %q in\n%s", name, text, out.String())
			}
		}
	}
}

// TestAllowed: names stand between commas.
func TestAllowed(t *testing.T) {
	t.Setenv("ALLOW_MISSING", "agent-peer, rsa-on-cps3")
	if got := Allowed(); !slices.Equal(got, []string{"agent-peer", "rsa-on-cps3"}) {
		t.Errorf("%q", got)
	}
}
