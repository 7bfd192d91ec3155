// Package winetest runs our Windows programs in a test, with wine. It is for tests
// on Linux only.
//
// Each [Wine], in the system's own wine, is a Windows of its own, with a registry, files and processes that no
// other test sees, and all of it ends with the test; tests may run concurrently. It
// never shows what wine cannot (real focus rules, DPI, group policy, two people on
// one machine): a person must check that on real Windows.
//
// A [Wine10] is the same in wine 10, which tells who owns a connection, over IPv6 and
// among thousands, and runs 32-bit programs: in a Debian 13 of its own ([Root]), and a
// network of its own. It needs root, and the first one downloads that Debian. Nothing of
// it needs a *testing.T.
package winetest
