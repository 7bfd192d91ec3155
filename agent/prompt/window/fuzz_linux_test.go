package window

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

// FuzzRequest: whatever question arrives, what is made bold of an origin is the domain or
// all of it, in whole characters of the text that is shown, and what a screen reader
// reads has every part that is shown before the buttons.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		var r dialog.Request
		if json.Unmarshal(text, &r) != nil {
			return
		}
		var from, to int
		var read string
		if spent := fuzzing.Spent(func() { from, to = marked(r); read = clean(spoken(r)) }); spent > fuzzing.Air+100*uint64(len(text)) {
			t.Errorf("%d bytes for a question of %d", spent, len(text))
		}
		origin, domain := clean(r.Origin), clean(r.Domain)
		if from < 0 || from > to || to > len(origin) || !utf8.ValidString(origin[from:to]) {
			t.Fatalf("%d to %d of %q", from, to, origin)
		}
		if got := origin[from:to]; got != domain && (got != origin || domain != "" && strings.Contains(origin, domain)) {
			t.Errorf("%q is bold in %q, of the domain %q", got, origin, domain)
		}
		for _, part := range append(append([]string{r.Site, r.Origin, r.Program, r.Text, r.Hint}, r.Holder...), r.Alerts...) {
			if !strings.Contains(read, clean(part)) {
				t.Errorf("%q is not read", part)
			}
		}
		if !utf8.ValidString(read) || strings.Contains(read, "\x00") {
			t.Errorf("%q is read", read)
		}
		if q := millis(r.Quiet); q < 0 || r.Quiet > 0 && q == 0 {
			t.Errorf("a quiet time of %d becomes %d", r.Quiet, q)
		}
	})
}
