package attack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/knock"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func line23() []Attack {
	return []Attack{
		{Line: 23, Title: "another user connects sixty thousand times", Options: stack.Options{AgentOnly: true}, Play: floodedByUser},
		{Line: 23, Title: "pages vary origin, host and path", Short: true, Options: stack.Options{AgentOnly: true}, Play: floodedByPages},
	}
}

func floodedByUser(w *World, r *Record) error {
	if os.Geteuid() != 0 {
		return Missing("becoming another user needs root")
	}
	program, err := w.public()
	if err != nil {
		return err
	}
	if err := w.Login(); err != nil {
		return err
	}
	const n = 60_000
	closed, err := knock.As(w.Context, program, testdesktop.Nobody, w.AgentAddress(), n)
	if err != nil {
		return err
	}
	r.Check(closed == n, "connections of another user", "%d of %d closed without a byte", closed, n)
	return w.survived(r, "peer_other_user", n)
}

func floodedByPages(w *World, r *Record) error {
	if err := w.Login(); err != nil {
		return err
	}
	const n = 1500
	for i := range n {
		request, err := http.NewRequestWithContext(w.Context, http.MethodGet, fmt.Sprintf("http://%s/v1?%d", w.AgentAddress(), i), nil)
		if err != nil {
			return err
		}
		request.Host, request.Close = fmt.Sprintf("h%d.evil.example", i), true
		request.Header.Set("Origin", fmt.Sprintf("https://%d.%s.example", i, strings.Repeat("a", i%2000)))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
	}
	return w.survived(r, "host", n)
}

// survived checks that a flood is counted, and pushed nothing out; a login came before.
func (w *World) survived(r *Record, reason string, n int) error {
	refused := w.Refused(reason)
	r.Check(refused == n, "the flood's refusals", "%d counted of %d", refused, n)
	if err := w.Login(); err != nil {
		return err
	}
	for name, pattern := range map[string]string{"standard error": "cpx-agent.log", "agent.log": "state/cpx-bridge/agent*.log", "audit.log": "state/cpx-bridge/audit*.log"} {
		files, err := filepath.Glob(w.Path(pattern))
		if err != nil {
			return err
		}
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all.Write(text)
		}
		logins := strings.Count(all.String(), `msg="login signed"`)
		r.Check(logins == 2 && all.Len() < 128<<10, name+" after it", "%d of 2 logins, %d bytes", logins, all.Len())
	}
	return nil
}

// public is a copy of this program that another user may start.
func (w *World) public() (string, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer self.Close()
	path := filepath.Join(w.Dir, "other-user")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, self)
	return path, errors.Join(err, f.Chmod(0o755), f.Close(), os.Chmod(w.Dir, 0o711))
}
