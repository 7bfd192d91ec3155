package policy

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReread: a text that was good is parsed once; another one, also one that is bad or of another
// file, is what counts, and what is gone is gone.
func TestReread(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	var r rereader
	read := func(text string) (*source, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return r.read(file, false)
	}
	session := func(s *source) any { return s.values["pin.session"] }
	const minute, hour = "[pin]\nsession = \"1m\"\n", "[pin]\nsession = \"1h\"\n"
	first, err := read(minute)
	if err != nil || session(first) != time.Minute {
		t.Fatal(session(first), err)
	}
	if same, err := read(minute); err != nil || same != first {
		t.Errorf("the same text was parsed a second time: %v", err)
	}
	if other, err := read(hour); err != nil || session(other) != time.Hour {
		t.Errorf("another text of the same length: %v, %v", session(other), err)
	}
	for range 2 {
		if _, err := read("[pin]\nsession = \"ever\"\n"); err == nil {
			t.Error("a bad text is good")
		}
	}
	if mended, err := read(minute); err != nil || session(mended) != time.Minute {
		t.Errorf("mended: %v, %v", session(mended), err)
	}
	elsewhere := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(elsewhere, []byte(minute), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := r.read(elsewhere, false); err != nil || s.path != elsewhere {
		t.Errorf("another file: %v, %v", s, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if gone, err := r.read(file, false); gone != nil || err != nil {
		t.Errorf("gone: %v, %v", gone, err)
	}
}
