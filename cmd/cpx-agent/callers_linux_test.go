package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/denied"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestCallersUnknown: where the kernel does not tell whose a connection is,
// the agent says so at its start, in its log too, and ends with status 1, and doctor
// names it with what cures it; nothing is served meanwhile.
func TestCallersUnknown(t *testing.T) {
	p := workstation.NewPerson(t, "[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
	for what, want := range map[string]struct {
		code string
		next [2]string // in French and in English
	}{
		denied.SockDiag:   {"callers_forbidden", [2]string{"AF_NETLINK", "AF_NETLINK"}},
		denied.Netlink:    {"callers_forbidden", [2]string{"RestrictAddressFamilies=", "RestrictAddressFamilies="}},
		denied.NoProtocol: {"callers_no_sock_diag", [2]string{"WSL 2", "WSL 2"}},
		denied.DiagModule: {"callers_no_module", [2]string{"modprobe tcp_diag", "modprobe tcp_diag"}},
	} {
		run := func(args ...string) (string, int) {
			t.Helper()
			cmd := p.Command(args...)
			if err := denied.Deny(cmd, what); err != nil {
				t.Fatal(err)
			}
			pipe, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var errs strings.Builder
			for lines := bufio.NewScanner(pipe); lines.Scan(); {
				errs.WriteString(lines.Text() + "\n")
				if strings.Contains(lines.Text(), "msg=listening") { // it would run for good
					_ = cmd.Process.Kill()
				}
			}
			_ = cmd.Wait() // its status is what is looked at
			return errs.String() + out.String(), cmd.ProcessState.ExitCode()
		}
		journal := filepath.Join(p.Keyring.Home, "state", "cpx-bridge", "agent.log")
		for i, lang := range []string{"fr", "en"} {
			p.Settings(t, "modules = [%q]\nlang = %q\n", p.Module, lang)
			said := []string{"ne peut pas vérifier qui se connecte", "cannot check who connects"}[i]
			_ = os.Remove(journal)
			out, exit := run("run", "--no-tray")
			if exit != 1 || strings.Contains(out, "msg=listening") {
				t.Errorf("%s: the agent ends with status %d:\n%s", what, exit, out)
			}
			workstation.Contains(t, out, said, want.next[i])
			text, err := os.ReadFile(journal)
			if err != nil || !strings.Contains(string(text), "level=ERROR") || !strings.Contains(string(text), "who connects") {
				t.Errorf("%s: the log: %v\n%s", what, err, text)
			}
			out, _ = run("doctor", "--json")
			var r doctor.Report
			if err := json.Unmarshal(fromBrace(out), &r); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			named := false
			for _, f := range r.Findings {
				if f.Check == "callers" {
					named = true
					if f.Code != want.code || f.Outcome != doctor.Problem || !strings.Contains(f.Text, said) || !strings.Contains(f.Next, want.next[i]) {
						t.Errorf("%s: %+v", what, f)
					}
				}
				if f.Code == "no_agent" && f.Next != "" {
					t.Errorf("%s: doctor advises what cannot help: %+v", what, f)
				}
			}
			if !named {
				t.Errorf("%s: doctor does not name it: %s", what, out)
			}
		}
	}
	if found := findings(t, p, 1); found["callers_known"].Outcome != doctor.Good {
		t.Errorf("on this machine as it is: %+v", found)
	}
}
