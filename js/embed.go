// Package js holds the page's library as built files, for a portal to serve.
// The files never change while a program runs, and may be read concurrently.
// Sources are in src; go run ./js/build makes dist from them.
package js

import "embed"

// Files holds dist/cpx-bridge.mjs, its types dist/cpx-bridge.d.ts, and the
// language files that the module loads from its own folder: serve all of them
// side by side.
//
//go:embed dist
var Files embed.FS
