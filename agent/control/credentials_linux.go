package control

import "golang.org/x/sys/unix"

// credentials are those that the other side had when it connected or began to
// listen (SO_PEERCRED, unix(7)).
func credentials(fd int) (uid, pid int, err error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, 0, err
	}
	return int(c.Uid), int(c.Pid), nil
}
