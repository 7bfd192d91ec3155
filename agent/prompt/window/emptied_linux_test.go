package window

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestEmptiedEntry: where the PIN is wiped while its entry is still shown, after an answer or
// a cancellation, the toolkit finds no cursor behind the end of the text, which crashed it.
func TestEmptiedEntry(t *testing.T) {
	s := screen(t)
	for _, keys := range []string{"1 2 3 4 Escape", "1 2 3 4 5 6 7 Return", "1 2 Return 3 BackSpace Left 4 5 KP_6 Home Delete ctrl+v Return Escape"} {
		r := yesOrNo(0)
		r.Title, r.Rows, r.Entry = "TEST", nil, &dialog.Entry{Least: 7, Most: 8}
		report, err := put(t, Command()[0], demand{request: encoded(t, r), keys: strings.Fields(keys)}, s)
		if found := faults(report); err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %q", keys, err, found)
		}
	}
}
