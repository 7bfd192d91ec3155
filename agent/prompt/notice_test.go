package prompt

import "testing"

// TestNoticeUnasked: a notice that opens by itself accepts keys only once nobody types; one
// that the person opened accepts them at once.
func TestNoticeUnasked(t *testing.T) {
	for _, n := range []Notice{{Copy: "TEST"}, {}} {
		asked, unasked := n, n
		unasked.Unasked = true
		q := questionsIn("fr")
		if a, b := q.noticeToCopy(asked).Quiet, q.noticeToCopy(unasked).Quiet; a == b || b != quiet {
			t.Errorf("%+v: %d ms, unasked %d ms", n, a, b)
		}
	}
}
