// Package js holds the page's library as built files, for a portal to serve. The
// files may be read concurrently, and never change while a program runs. The
// sources are in src; go run ./js/build makes dist from them.
package js

import "embed"

// Files has the folder dist: cpx-bridge.mjs, its types cpx-bridge.d.mts, and all
// that the module loads from its own folder, such as the language files. Serve
// them side by side.
//
//go:embed dist
var Files embed.FS
