package remembered

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

type size struct {
	Width int    `json:"width"`
	Unit  string `json:"unit,omitempty"`
}

var errNegative = errors.New("negative")

func positive(s size) error {
	if s.Width < 0 {
		return errNegative
	}
	return nil
}

func TestSetAndGet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet", "size.json")
	v := New(path, positive)
	if got, err := v.Get(); err != nil || got != (size{}) {
		t.Errorf("before the first Set: %v, %v", got, err)
	}
	for _, want := range []size{{3, "cm"}, {12, ""}} {
		if err := v.Set(want); err != nil {
			t.Fatal(err)
		}
		if got, err := New(path, positive).Get(); err != nil || got != want { // as another process does
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{\"width\":12}\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

func TestChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "size.json")
	v := New(path, positive)
	if err := v.Set(size{Width: 1}); err != nil {
		t.Fatal(err)
	}
	if err := v.Set(size{Width: -1}); !errors.Is(err, errNegative) {
		t.Errorf("set: %v", err)
	}
	if got, err := v.Get(); got.Width != 1 || err != nil {
		t.Errorf("after a refusal: %v, %v", got, err)
	}
	for name, text := range map[string]string{"bad value": `{"width":-1}`, "half": `{"width":`, "another type": `{"width":"1"}`, "empty": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Get(); err == nil || !strings.Contains(err.Error(), path) || got != (size{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A folder in the file's place is an error, not a missing value.
func TestUnreadable(t *testing.T) {
	path := t.TempDir()
	v := New[size](path, nil)
	if _, err := v.Get(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("get: %v", err)
	}
	if err := v.Set(size{}); err == nil {
		t.Error("set over a folder")
	}
}

func TestNowhere(t *testing.T) {
	var v *Value[size]
	if got, err := v.Get(); got != (size{}) || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if err := v.Set(size{}); !errors.Is(err, ErrNowhere) {
		t.Error(err)
	}
}
