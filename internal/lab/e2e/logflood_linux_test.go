package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/knock"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestLogFlood: however often another user connects, what the log has of before is
// still there, standard error stays small, a login meanwhile has its line, and not one
// connection is missing in the count.
func TestLogFlood(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test that a second user cannot flood the log")
	}
	n := 70_000 // lines of more than all files of the log hold
	if testing.Short() {
		n = 5_000
	}
	s := prepare(t, stack.Options{AgentOnly: true, AutoPIN: script("1234", "1234")})
	agent := startAgent(t, s, "--no-tray")
	open(t, s).logIn()
	type flooded struct {
		closed int
		err    error
	}
	program, ended := testdesktop.PublicCopy(t), make(chan flooded)
	go func() {
		closed, err := knock.As(t.Context(), program, otherUser, s.AgentAddress(), n)
		ended <- flooded{closed, err}
	}()
	open(t, s).logIn()
	if f := <-ended; f.err != nil || f.closed != n {
		t.Fatalf("%d of %d connections were closed, %v", f.closed, n, f.err)
	}
	if err := agent.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()

	counted := regexp.MustCompile(`reason=peer_other_user .*\bmore=(\d+) first=(\S+) last=(\S+)`)
	for what, pattern := range map[string]string{"standard error": s.Path("cpx-agent.log"), "the log": s.Path("state/cpx-bridge/agent*.log"), "the audit log": s.Path("state/cpx-bridge/audit*.log")} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no file, %v", what, err)
		}
		var log strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			log.Write(text)
		}
		text := log.String()
		refused := 0
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "peer_other_user") {
				continue
			}
			if more := counted.FindStringSubmatch(line); more != nil {
				m, _ := strconv.Atoi(more[1])
				refused += m - 1
				if !strings.Contains(line, " uid=65534 ") || more[2] >= more[3] {
					t.Errorf("%s does not say who, or from when to when: %s", what, line)
				}
			}
			refused++
		}
		if logins := strings.Count(text, "msg=\"login signed\""); logins != 2 || refused != n || len(text) > 64<<10 {
			t.Errorf("%s: %d of 2 logins, %d of %d refusals, %d bytes", what, logins, refused, n, len(text))
		}
	}
}
