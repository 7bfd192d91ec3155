// Package webfiles serves files that are built into a program to browsers: packed where a
// browser takes them so, which is a third of the bytes, and not sent again while it has
// them. A [Files] may be used concurrently, and never changes. It is for files that are
// the same for everybody: whether somebody may have one is decided before.
package webfiles

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// Files are the files of a folder, by the name under it.
type Files struct {
	files map[string]file
	tag   string
}

// file is one file, as it stands and packed; packed is nil where that is not smaller.
type file struct {
	kind, tag     string
	plain, packed []byte
}

// kinds are the types that a machine's own list of types may lack or change.
var kinds = map[string]string{
	".mjs": "text/javascript; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".mts": "text/plain; charset=utf-8", // a .d.mts has types, for people and their editors
}

// New reads and packs the files of a folder, and of those in it.
func New(folder fs.FS) (*Files, error) {
	f, all := &Files{files: map[string]file{}}, sha256.New()
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		one := file{kind: kinds[path.Ext(name)], tag: tagOf(text), plain: text}
		if one.kind == "" {
			one.kind = mime.TypeByExtension(path.Ext(name))
		}
		if packed, err := pack(text); err != nil {
			return err
		} else if len(packed) < len(text) {
			one.packed = packed
		}
		f.files[name] = one
		_, err = all.Write([]byte(name + "\x00" + one.tag + "\x00"))
		return err
	})
	f.tag = base64.RawURLEncoding.EncodeToString(all.Sum(nil)[:9])
	return f, err
}

func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func pack(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// Tag is another one where any of the files is another.
func (f *Files) Tag() string { return f.tag }

// Has reports whether there is a file of that name.
func (f *Files) Has(name string) bool {
	_, has := f.files[name]
	return has
}

// Serve answers with the file of that name, which the caller knows to be there. A browser
// asks each time whether it has changed, unless the file lasts: what is asked for under an
// address that has the Tag has another address once it is another.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, name string, lasts bool) {
	h, one := w.Header(), f.files[name]
	h.Set("Content-Type", one.kind)
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if lasts {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	// Nothing here changes but by another version. Without these net/http never answers 412, whose
	// length would be that of the file.
	r = r.Clone(r.Context())
	r.Header.Del("If-Match")
	r.Header.Del("If-Unmodified-Since")
	text, tag := one.plain, one.tag
	if one.packed != nil && r.Header.Get("Range") == "" && acceptsGzip(r) {
		text, tag = one.packed, one.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(text))) // which net/http leaves out of what is packed
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// acceptsGzip reports whether a browser says that it reads gzip. Whoever says it in another
// way gets what is not packed.
func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, rest, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(rest), "q="), 64)
			return strings.TrimSpace(rest) == "" || err == nil && quality > 0
		}
	}
	return false
}
