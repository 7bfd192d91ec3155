// Package journald is a real systemd-journald for one test, in a mount namespace with a
// /run, an /etc and a machine's identifier of its own: the machine's own journal, where
// there is one, sees nothing of it. Programs enter the namespace through [Journal.Bin].
//
// It is for one test at a time. It needs root, and skips the test that is not.
package journald
