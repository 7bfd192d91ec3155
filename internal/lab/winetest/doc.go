// Package winetest runs Windows programs of ours in a test, with wine. It is
// for tests on Linux only.
//
// Each [Wine] is a Windows of its own, with a registry, files and processes that
// no other test sees, and all of it ends with the test; tests may run at the
// same time. What wine cannot show (real focus rules, DPI, group policy, two
// people on one machine) stays for a person on real Windows.
package winetest
