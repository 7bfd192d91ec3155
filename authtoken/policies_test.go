package authtoken

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// A group for real cards that asks for no policy is warned of: the certificate whose key
// signs without a PIN names the same person.
func TestWarnsOfGroupsWithoutPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TrustGroup)
		warns  bool
	}{
		"none":     {func(*TrustGroup) {}, true},
		"required": {func(g *TrustGroup) { g.RequiredPolicies = []string{"2.999.10.1"} }, false},
		"refused":  {func(g *TrustGroup) { g.RefusedPolicies = []string{"2.999.10.3"} }, false},
		"test":     {func(g *TrustGroup) { g.Test = true }, false},
	} {
		var log bytes.Buffer
		config := getFixture(t).config()
		g := &config.Profile.TrustGroups[0]
		g.Test, g.RequiredPolicies, g.RefusedPolicies = false, nil, nil
		c.change(g)
		config.Revocation, config.Logger = refuser{}, slog.New(slog.NewTextHandler(&log, nil))
		if _, err := NewVerifier(config); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "without a PIN"); warned != c.warns {
			t.Errorf("%s: %q", name, log.String())
		}
	}
}
