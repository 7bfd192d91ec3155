// Package denied starts programs to which the kernel denies something, as it does in
// containers, under service managers and on kernels without a module: a seccomp
// filter answers in the kernel's place. It needs no root. It is for Linux, and for
// tests and the lab only.
package denied

// What is denied.
const (
	// SockDiag: the socket that tells whose a connection is cannot be made, as where
	// a container or AppArmor forbids it (EPERM).
	SockDiag = "sock_diag"
	// Netlink: no socket of that family can be made, as a service unit's
	// RestrictAddressFamilies= has it (EAFNOSUPPORT).
	Netlink = "netlink"
	// NoProtocol: the family exists without sock_diag, as under gVisor and WSL 1
	// (EPROTONOSUPPORT).
	NoProtocol = "protocol"
	// DiagModule: the socket is made and the request refused, as by a kernel that
	// has no tcp_diag and cannot load it (ENOENT). The real kernel says so in its
	// answer, the filter when the request is sent.
	DiagModule = "tcp_diag"
)
