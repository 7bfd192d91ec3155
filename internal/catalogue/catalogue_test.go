package catalogue

import "testing"

// The fields have names that this package's own code reads, or does not.
type (
	read  struct{ Errorf string }
	never struct{ Nowhere string }
)

// TestCheck: each fault is found, and nothing where there is none.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		check func(t *testing.T)
		bad   bool
	}{
		"good":        {func(t *testing.T) { Check(t, map[string]read{"fr": {"l’%s"}, "en": {"the %s"}}) }, false},
		"missing":     {func(t *testing.T) { Check(t, map[string]read{"fr": {"oui"}, "en": {" "}}) }, true},
		"values":      {func(t *testing.T) { Check(t, map[string]read{"fr": {"%s"}, "en": {"%d"}}) }, true},
		"apostrophe":  {func(t *testing.T) { Check(t, map[string]read{"fr": {"l'an"}, "en": {"the year"}}) }, true},
		"never shown": {func(t *testing.T) { Check(t, map[string]never{"fr": {"oui"}, "en": {"yes"}}) }, true},
	} {
		inner := &testing.T{}
		c.check(inner)
		if inner.Failed() != c.bad {
			t.Errorf("%s: failed %v", name, inner.Failed())
		}
	}
}
