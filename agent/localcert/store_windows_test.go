package localcert

import (
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
)

// TestRootStore uses the real library on the store of root certificates, and the
// Credential Manager for the key: wine's, or those of Windows, where a person has to
// say yes.
func TestRootStore(t *testing.T) {
	dir, err := os.MkdirTemp("", "localcert") // wine cannot clean up as Go does; this Windows is thrown away
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Dir: dir})
	if r, err := s.Install(t.Context()); err != nil || len(r.Problems) > 0 || len(r.Stores) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	first, err := s.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Install(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("%+v %v", r, err)
	}
	second, err := s.Certificate(t.Context())
	if err != nil || second.Leaf.Equal(first.Leaf) {
		t.Errorf("%v", err)
	}
	st, err := s.Status(t.Context())
	if err != nil || !st.Installed || len(st.Trusted) != 1 || st.Older != 0 {
		t.Errorf("%+v %v", st, err)
	}
	if r, err := s.Remove(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("%+v %v", r, err)
	}
	for _, c := range [][]byte{first.Certificate[1], second.Certificate[1]} {
		ca := parse(t, c)
		if present, err := s.trust.Has(rootStore, ca); present || err != nil {
			t.Errorf("%v %v", present, err)
		}
		if _, err := (keyring.Ring{}).Get(t.Context(), (knownPair{ID: pair{ca: c}.id()}).account()); err == nil {
			t.Error("a key is left")
		}
	}
}
