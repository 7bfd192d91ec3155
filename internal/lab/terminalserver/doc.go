// Package terminalserver is a machine on which several people work at the same time, each
// under an account of the system, with browser, agent and card of their own: its tests are
// of what terminal servers do to people who log in there.
//
// The machine stands in namespaces of its own (network, mounts, processes) over the real
// one's programs: its accounts are real to the kernel and to every program, its loopback has
// nobody else's ports, and nothing of it is left once the test's process has ended, however
// that ends. It needs root. A Machine is for one test at a time, and never changes the real
// machine's accounts and settings.
package terminalserver
