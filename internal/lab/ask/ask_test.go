package ask

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// recorder notes which of its methods were called.
type recorder map[string]bool

func (r recorder) note(method string) error { r[method] = true; return nil }

func (r recorder) Consent(context.Context, string, prompt.Caller) error { return r.note("Consent") }
func (r recorder) Always(context.Context, string, prompt.Caller) error  { return r.note("Always") }
func (r recorder) Confirm(context.Context, string, prompt.Caller, prompt.Holder) error {
	return r.note("Confirm")
}
func (r recorder) Choose(context.Context, string, prompt.Caller, []prompt.Holder) (int, error) {
	return 0, r.note("Choose")
}
func (r recorder) PIN(context.Context, string, prompt.PIN) ([]byte, error) {
	return nil, r.note("PIN")
}
func (r recorder) InsertCard(context.Context, string, prompt.Caller, bool) error {
	return r.note("InsertCard")
}
func (r recorder) Show(context.Context, string, string, string) error { return r.note("Show") }

// TestKinds: there is a question for every method of a Prompter.
func TestKinds(t *testing.T) {
	called := recorder{}
	for _, kind := range Kinds {
		if a := Put(t.Context(), called, Question{Kind: kind, Holders: []prompt.Holder{{}}}); a.Error != "" {
			t.Errorf("%s: %s", kind, a.Error)
		}
	}
	var want []string
	for m := range reflect.TypeFor[prompt.Prompter]().Methods() {
		want = append(want, m.Name)
	}
	if got := slices.Sorted(maps.Keys(called)); !slices.Equal(got, want) {
		t.Errorf("asked %q, a Prompter has %q", got, want)
	}
}
