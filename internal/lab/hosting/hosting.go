// Package hosting sets the portal up as docs/portal-hardening.md tells operators to, with the
// files of packaging/portal as a release holds them: the service under a real systemd that is
// process 1 of namespaces of its own, nginx in front of it, logins through both. It has tests
// alone. Those that need root or systemd say so, and touch nothing of the machine's own.
package hosting
