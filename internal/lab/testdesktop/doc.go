// Package testdesktop gives a test a desktop of its own: a screen without a
// monitor, a session bus, a terminal, a keyring. It is for tests on Linux, which
// may run concurrently, each on desktops of its own. Everything ends with the test,
// and nothing touches the tester's own desktop. What takes no test serves programs of the
// lab, too.
package testdesktop
