// Package wintable runs on Windows (in wine 10, package winetest) the tests of every
// package that has files for it, and the logins of package windowslab, and prints one
// table of both (package cells).
package wintable

// Architectures are the columns.
var Architectures = []string{"amd64", "386"}
