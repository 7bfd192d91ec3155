// Package js holds the page's library as built files, for a portal to serve. The
// files may be read concurrently, and never change while a program runs. The
// sources are in src; go run ./js/build makes dist from them.
package js

import (
	"embed"
	"io/fs"
	"net/http"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/internal/webfiles"
)

// Files has the folder dist: cpx-bridge.mjs, its types cpx-bridge.d.mts, and all
// that the module loads from its own folder, such as the language files. Serve
// them side by side.
//
//go:embed dist
var Files embed.FS

// Handler serves the files of dist under a path that ends with a slash, such as
// "/static/cpx-bridge/", which is where it is mounted too. It sends them packed, and only
// where a browser does not have them yet.
func Handler(path string) http.Handler {
	files := packed()
	return http.StripPrefix(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !files.Has(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		files.Serve(w, r, r.URL.Path, false)
	}))
}

// packed reads and packs the files once, when somebody serves them.
var packed = sync.OnceValue(func() *webfiles.Files {
	dist, err := fs.Sub(Files, "dist")
	if err != nil { // the folder is built in
		panic(err)
	}
	files, err := webfiles.New(dist)
	if err != nil { // likewise
		panic(err)
	}
	return files
})
