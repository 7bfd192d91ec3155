package webfiles

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	script = strings.Repeat("export const TEST = 1;\n", 100)
	folder = fstest.MapFS{"a.mjs": {Data: []byte(script)}, "in/b.svg": {Data: []byte("<svg/>")}, "c.css": {Data: []byte("p{}")}}
)

func TestServe(t *testing.T) {
	f, err := New(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file   string
		header map[string]string
		lasts  bool

		status                 int
		caching, packed, holds string
	}{
		"as it is":                {file: "a.mjs", status: http.StatusOK, caching: "no-cache", holds: script},
		"packed":                  {file: "a.mjs", header: map[string]string{"Accept-Encoding": "br, gzip"}, status: http.StatusOK, caching: "no-cache", packed: "gzip", holds: script},
		"packed, by quality":      {file: "a.mjs", header: map[string]string{"Accept-Encoding": "GZIP;q=0.5"}, status: http.StatusOK, caching: "no-cache", packed: "gzip", holds: script},
		"never packed":            {file: "a.mjs", header: map[string]string{"Accept-Encoding": "gzip;q=0, br"}, status: http.StatusOK, caching: "no-cache", holds: script},
		"a quality that is none":  {file: "a.mjs", header: map[string]string{"Accept-Encoding": "gzip;q=x"}, status: http.StatusOK, caching: "no-cache", holds: script},
		"too short to be packed":  {file: "in/b.svg", header: map[string]string{"Accept-Encoding": "gzip"}, status: http.StatusOK, caching: "no-cache", holds: "<svg/>"},
		"under a lasting address": {file: "c.css", lasts: true, status: http.StatusOK, caching: "public, max-age=31536000, immutable", holds: "p{}"},
		"on a condition":          {file: "a.mjs", header: map[string]string{"Accept-Encoding": "gzip", "If-Match": `"other"`}, status: http.StatusOK, caching: "no-cache", packed: "gzip", holds: script},
		"a part":                  {file: "a.mjs", header: map[string]string{"Accept-Encoding": "gzip", "Range": "bytes=0-5"}, status: http.StatusPartialContent, caching: "no-cache", holds: "export"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(f, c.file, c.header, c.lasts)
			if h := w.Header(); w.Code != c.status || h.Get("Cache-Control") != c.caching || h.Get("Content-Encoding") != c.packed || h.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%d %v", w.Code, h)
			}
			if got := unpacked(t, w); got != c.holds {
				t.Errorf("%.40q", got)
			}
			second := map[string]string{"If-None-Match": w.Header().Get("ETag"), "Accept-Encoding": c.header["Accept-Encoding"]}
			if w := ask(f, c.file, second, c.lasts); w.Code != http.StatusNotModified && c.status == http.StatusOK || c.status == http.StatusOK && w.Body.Len() > 0 {
				t.Errorf("sent again: %d, %d bytes", w.Code, w.Body.Len())
			}
		})
	}
	if plain, packed := ask(f, "a.mjs", nil, false), ask(f, "a.mjs", map[string]string{"Accept-Encoding": "gzip"}, false); plain.Header().Get("ETag") == packed.Header().Get("ETag") {
		t.Error("what is packed has the tag of what is not")
	}
}

func TestTypes(t *testing.T) {
	f, err := New(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.mjs": "text/javascript; charset=utf-8", "in/b.svg": "image/svg+xml", "c.css": "text/css; charset=utf-8"} {
		if got := ask(f, name, nil, false).Header().Get("Content-Type"); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for name, want := range map[string]bool{"a.mjs": true, "in/b.svg": true, "in": false, "": false, "/a.mjs": false, "../a.mjs": false} {
		if f.Has(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestTag: whatever becomes of the files, their tag is another.
func TestTag(t *testing.T) {
	seen := map[string]string{}
	for name, files := range map[string]fstest.MapFS{
		"as they are": folder, "none": {}, "one less": {"a.mjs": folder["a.mjs"]}, "another name": {"b.mjs": folder["a.mjs"]}, "another text": {"a.mjs": folder["c.css"]},
	} {
		f, err := New(files)
		if err != nil {
			t.Fatal(err)
		}
		if before, is := seen[f.Tag()]; is {
			t.Errorf("%s: as %s", name, before)
		}
		seen[f.Tag()] = name
	}
}

func ask(f *Files, name string, header map[string]string, lasts bool) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/"+name, nil)
	for key, value := range header {
		r.Header.Set(key, value)
	}
	f.Serve(w, r, name, lasts)
	return w
}

func unpacked(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
