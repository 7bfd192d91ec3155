package house

import (
	"slices"
	"testing"
)

// sound is a small house in order.
func sound() Tree {
	return Tree{
		"agent":             {Path: "agent", Name: "agent", Imports: []string{"agent/policy", "internal/tomlfile"}},
		"agent/policy":      {Path: "agent/policy", Name: "policy", Imports: []string{"internal/tomlfile"}},
		"cmd/cpx-agent":     {Path: "cmd/cpx-agent", Name: "main", Imports: []string{"agent"}},
		"cmd/cpx-card":      {Path: "cmd/cpx-card", Name: "main", Imports: []string{"internal/kit/vcard"}},
		"internal/tomlfile": {Path: "internal/tomlfile", Name: "tomlfile"},
		"internal/kit/vcard": {Path: "internal/kit/vcard", Name: "vcard",
			Imports: []string{"internal/tomlfile"}},
		"internal/lab/world": {Path: "internal/lab/world", Name: "world",
			Imports: []string{"internal/kit/vcard", "agent"}},
	}
}

func TestRules(t *testing.T) {
	rows := map[string][]string{"agent": {"agent/policy"}, "agent/policy": nil}
	apart := map[string][]string{"agent/policy": {"agent"}, "agent": {"internal/kit/vcard"}}
	rules := map[string]func(Tree) []string{
		"one name": OneName, "leaves": Leaves, "kit": Kit, "lab": Lab,
		"arrows": func(tree Tree) []string { return Arrows(tree, rows) },
		"apart":  func(tree Tree) []string { return Apart(tree, apart) },
	}
	imports := func(path string, more ...string) func(Tree) {
		return func(tree Tree) { tree[path].Imports = append(tree[path].Imports, more...) }
	}
	for name, c := range map[string]struct {
		spoil func(Tree)
		want  map[string][]string // by rule; no other rule complains
	}{
		"in order": {func(Tree) {}, nil},
		"two of one name": {func(tree Tree) { tree["internal/kit/vcard"].Name = "policy" },
			map[string][]string{"one name": {"agent/policy and internal/kit/vcard are both package policy"}}},
		"a leaf for tests only": {func(tree Tree) {
			tree["internal/played"] = &Package{Path: "internal/played", Name: "played"}
			tree["internal/lab/world"].Imports = []string{"internal/played"}
		}, map[string][]string{"leaves": {"internal/played is not used by the product: it belongs on internal/lab"}}},
		"a leaf with an arrow up": {imports("internal/tomlfile", "agent/policy"),
			map[string][]string{"leaves": {"internal/tomlfile is a leaf and imports agent/policy"}}},
		"kit in another program": {imports("cmd/cpx-agent", "internal/kit/vcard"),
			map[string][]string{"kit": {"cmd/cpx-agent imports internal/kit/vcard, which is for cpx-card and tests"}}},
		"lab in a program": {imports("cmd/cpx-card", "internal/lab/world"),
			map[string][]string{"lab": {"cmd/cpx-card imports internal/lab/world, which is for tests"}}},
		"lab in the kit": {imports("internal/kit/vcard", "internal/lab/world"),
			map[string][]string{"lab": {"internal/kit/vcard imports internal/lab/world, which is for tests"}}},
		"an arrow up": {imports("agent/policy", "agent"),
			map[string][]string{
				"arrows": {"agent/policy imports agent, which its row in arrows.go does not allow"},
				"apart":  {"agent/policy depends on agent, through agent/policy"},
			}},
		"no row": {func(tree Tree) { tree["tray"] = &Package{Path: "tray", Name: "tray"} },
			map[string][]string{"arrows": {"tray has no row in arrows.go"}}},
		"no package": {func(tree Tree) { delete(tree, "agent/policy") },
			map[string][]string{
				"arrows": {"arrows.go has a row for agent/policy, which is not there"},
				"apart":  {"arrows.go has a row for agent/policy, which is not there"},
			}},
		"brought by another": {imports("internal/tomlfile", "internal/kit/vcard"),
			map[string][]string{
				"leaves": {"internal/tomlfile is a leaf and imports internal/kit/vcard"},
				"kit":    {"internal/tomlfile imports internal/kit/vcard, which is for cpx-card and tests"},
				"apart":  {"agent depends on internal/kit/vcard, through internal/tomlfile"},
			}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := sound()
			c.spoil(tree)
			for rule, faults := range rules {
				if got := faults(tree); !slices.Equal(got, c.want[rule]) {
					t.Errorf("%s: %q, want %q", rule, got, c.want[rule])
				}
			}
		})
	}
}
