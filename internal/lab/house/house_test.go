package house

import "testing"

// notYet are faults that a change under way takes away.
var notYet = map[string]string{}

func TestTheHouse(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := Linked(root)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, faults := range map[string][]string{
		"linked":   linked,
		"one name": OneName(tree),
		"leaves":   Leaves(tree),
		"kit":      Kit(tree),
		"lab":      Lab(tree),
		"arrows":   Arrows(tree, allowed),
		"apart":    Apart(tree, never),
	} {
		for _, fault := range faults {
			seen[fault] = true
			if notYet[fault] == "" {
				t.Errorf("%s: %s", name, fault)
			}
		}
	}
	for fault := range notYet {
		if !seen[fault] {
			t.Errorf("no longer so, take it out of the list: %s", fault)
		}
	}
}
