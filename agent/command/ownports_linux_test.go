package command

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// withOwnPorts plays the command in a network of its own, where no other agent of the machine
// listens, if the script asks for that: bad settings can name no ports.
func withOwnPorts(command func() int) int {
	switch os.Getenv("CPX_TEST_OWN_PORTS") {
	case "wanted":
		return inOwnNetwork(command)
	case "made":
		if err := loopbackUp(); err != nil {
			panic(err)
		}
	}
	return command()
}

func inOwnNetwork(command func() int) int {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "CPX_TEST_OWN_PORTS=made")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err := cmd.Run()
	if end, is := errors.AsType[*exec.ExitError](err); is {
		return end.ExitCode()
	}
	if errors.Is(err, syscall.EPERM) {
		return command() // without root: in a user's namespace nobody knows whose the policy's folder is
	}
	if err != nil {
		panic(err)
	}
	return 0
}

// loopbackUp is `ip link set lo up`.
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
}
