package attack

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func line08() []Attack {
	return []Attack{{
		Line: 8, Title: "a second real user's process, over IPv4 and IPv6",
		Options: stack.Options{AgentOnly: true},
		Play:    secondUser,
	}, {
		Line: 8, Title: "a second real user's flood while the person logs in",
		Options: stack.Options{AgentOnly: true},
		Play:    secondUsersFlood,
	}}
}

// knocking requests the agent's human page and prints the first line that comes back.
const knocking = `trap '' PIPE
exec 3<>/dev/tcp/$0/$1 || { echo no connection; exit 0; }
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n' "$1" >&3 2>/dev/null
IFS= read -r -t 20 line <&3
echo "got: $line"`

// flooding connects again and again, holds what it has, and then says that it has.
const flooding = `ulimit -n "$(ulimit -Hn)"; for i in {1..1500}; do exec {fd}<>/dev/tcp/$0/$1; done 2>/dev/null; echo done`

func asUser(w *World, uid uint32, script string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.Context, "/bin/bash", append([]string{"-c", script}, arguments...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

func secondUser(w *World, r *Record) error {
	if os.Geteuid() != 0 {
		return Missing("becoming another user needs root")
	}
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		own, err := asUser(w, 0, knocking, host, port).Output()
		if err != nil {
			return err
		}
		r.Check(strings.Contains(string(own), "200 OK"), "the person's own process at "+host, "%q", own)
		before := w.Refused("peer_other_user")
		other, err := asUser(w, testdesktop.Nobody, knocking, host, port).Output()
		if err != nil {
			return err
		}
		r.Check(strings.TrimSpace(string(other)) == "got:", "another user's process at "+host, "%q", other)
		r.Check(w.Refused("peer_other_user") > before, "the log after "+host, "%d refusals with reason=peer_other_user", w.Refused("peer_other_user")-before)
	}
	return nil
}

// secondUsersFlood has four processes of another user connect 1,500 times each, half of
// them over IPv6.
func secondUsersFlood(w *World, r *Record) error {
	if os.Geteuid() != 0 {
		return Missing("becoming another user needs root")
	}
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	var flood sync.WaitGroup
	ended := make(chan struct{})
	for _, host := range []string{"127.0.0.1", "::1", "127.0.0.1", "::1"} {
		flood.Go(func() {
			out, err := asUser(w, testdesktop.Nobody, flooding, host, port).Output()
			r.Check(err == nil && strings.TrimSpace(string(out)) == "done", "1,500 connections to "+host, "%s", out)
		})
	}
	go func() { flood.Wait(); close(ended) }()
	logins, under := 0, true
	for ; under; logins++ {
		if err := w.Login(); err != nil {
			r.Check(false, fmt.Sprintf("login %d under the flood", logins+1), "%v", err)
		}
		select {
		case <-ended:
			under = false
		default:
		}
	}
	r.Check(logins > 0, "logins under the flood", "%d tokens", logins)
	r.Check(w.Refused("peer_other_user") > 0, "the log", "%d lines with reason=peer_other_user", w.Refused("peer_other_user"))
	return nil
}
