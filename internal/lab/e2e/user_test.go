//go:build linux

package e2e

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// otherUser is another user's id: that of "nobody" on every Debian and Ubuntu.
const otherUser = 65534

// request requests the agent's human page and prints the answer, in a process of its
// own; curl and nc may be missing.
const request = `trap '' PIPE
exec 3<>/dev/tcp/$0/$1 || { echo no connection; exit 0; }
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n' "$1" >&3 2>/dev/null
IFS= read -r -t 10 line <&3
echo "got: $line"`

// TestSecondUser dials the agent from a process of another user account, on
// both loopback addresses. It needs root to become that user.
func TestSecondUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test that a second user is refused")
	}
	s := prepare(t, stack.Options{AgentOnly: true})
	start(t, s)
	_, port, err := net.SplitHostPort(s.AgentAddress())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1", "::1"} {
		own := knockAs(t, 0, address, port)
		if !strings.Contains(own, "200 OK") {
			t.Fatalf("%s: the agent does not answer its own user: %q", address, own)
		}
		if other := knockAs(t, otherUser, address, port); strings.TrimSpace(other) != "got:" {
			t.Errorf("%s: another user got %q, want a closed connection without a byte", address, other)
		}
	}
	log, err := os.ReadFile(s.Path("cpx-agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "peer_other_user"); n != 2 {
		t.Errorf("the log names %d refused strangers, want 2:\n%s", n, log)
	}
}

func knockAs(t *testing.T, uid uint32, address, port string) string {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", request, address, port)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("knock as %d: %v", uid, err)
	}
	return string(out)
}
