//go:build !darwin

package prompt

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// shortcuts puts a mark before the first letter of each label that no label
// before has: Alt with it presses the button. A mark of the label's own is
// written twice.
func shortcuts(buttons []dialog.Button, mark string) []dialog.Button {
	marked := slices.Clone(buttons)
	taken := map[string]bool{}
	for i, b := range buttons {
		at := -1
		for pos, letter := range b.Label {
			key := strings.ToLower(string(letter))
			if key >= "a" && key <= "z" && !taken[key] {
				taken[key], at = true, pos
				break
			}
		}
		twice := func(part string) string { return strings.ReplaceAll(part, mark, mark+mark) }
		if marked[i].Label = twice(b.Label); at >= 0 {
			marked[i].Label = twice(b.Label[:at]) + mark + twice(b.Label[at:])
		}
	}
	return marked
}
