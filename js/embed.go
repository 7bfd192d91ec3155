// Package js holds the page's library as built files, for a portal to serve. The
// files may be read concurrently, and never change while a program runs. The
// sources are in src; go run ./js/build makes dist from them.
package js

import (
	"embed"
	"io/fs"
	"net/http"
)

// Files has the folder dist: cpx-bridge.mjs, its types cpx-bridge.d.mts, and all
// that the module loads from its own folder, such as the language files. Serve
// them side by side.
//
//go:embed dist
var Files embed.FS

// Handler serves the files of dist under a path that ends with a slash, such as
// "/static/cpx-bridge/", which is where it is mounted too.
func Handler(path string) http.Handler {
	dist, err := fs.Sub(Files, "dist")
	if err != nil { // the folder is built in
		panic(err)
	}
	return http.StripPrefix(path, http.FileServerFS(dist))
}
