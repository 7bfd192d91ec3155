package asroot

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// inNamespace marks a test that Here plays in namespaces of its own.
const inNamespace = "CPX_TEST_AS_ROOT"

// Here reports whether the calling test has root's rights. Without them it plays that test
// anew in namespaces where it has, fails where that fails, and reports false: the caller
// returns. It skips the test only where the system refuses such namespaces.
func Here(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	if os.Getenv(inNamespace) != "" {
		t.Fatal("no root in a namespace of its own")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this needs root or user namespaces: run it as root")
	}
	// A test that skipped itself there would end like one that passed.
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("in namespaces of its own: %v\n%s", err, out)
	}
	return false
}
