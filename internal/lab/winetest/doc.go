// Package winetest runs our Windows programs in a test, with wine. It is for tests
// on Linux only.
//
// Each [Wine] is a Windows of its own, with a registry, files and processes that no
// other test sees, and all of it ends with the test; tests may run concurrently. It
// never shows what wine cannot (real focus rules, DPI, group policy, two people on
// one machine): a person must check that on real Windows.
package winetest
