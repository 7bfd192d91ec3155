package js

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/js/bundle"
)

func TestDistHasNotDrifted(t *testing.T) {
	built, err := bundle.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	committed, err := fs.ReadDir(Files, "dist")
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(built) {
		t.Errorf("dist has %d files, the build makes %d", len(committed), len(built))
	}
	for name, want := range built {
		got, err := Files.ReadFile("dist/" + name)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("dist/%s differs from its sources: run go run ./js/build", name)
		}
	}
}

func TestSize(t *testing.T) {
	files, err := fs.ReadDir(Files, "dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, limit := f.Name(), 4<<10
		switch {
		case name == "cpx-bridge.mjs":
			limit = 6000
		case name == "cpx-bridge.js": // with what makes a plain script of it
			limit = 25 << 8
		case strings.HasPrefix(name, "lang-"): // the other half of the library, once something is to be said
			limit = 23 << 8
		case name == "selftest.mjs": // what no login loads
			limit = 7 << 10
		}
		text, err := Files.ReadFile("dist/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if packed.Len() > limit {
			t.Errorf("%s has %d bytes packed, more than %d", name, packed.Len(), limit)
		}
	}
}
