//go:build !darwin

package prompt

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// shortcuts puts a mark before the first letter of each label that no earlier label
// uses: Alt with that letter presses the button. A mark in the label itself is
// doubled.
func shortcuts(buttons []dialog.Button, mark string) []dialog.Button {
	marked := slices.Clone(buttons)
	used := map[string]bool{}
	for i, b := range buttons {
		at := -1
		for pos, letter := range b.Label {
			key := strings.ToLower(string(letter))
			if key >= "a" && key <= "z" && !used[key] {
				used[key], at = true, pos
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
