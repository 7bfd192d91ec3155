// Package testdesktop gives a test a desktop of its own: a screen without a
// monitor, a session bus, a terminal, a person's keys. It is for tests on Linux
// only; everything ends with the test.
package testdesktop
