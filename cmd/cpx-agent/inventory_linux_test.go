package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/docs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/sshd"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// fleet are workstations that are reached by ssh.
type fleet struct {
	dir string // with workstations.txt
	env []string
}

// newFleet makes three: one without a fault, one without PC/SC, one without the program; and
// names a fourth, which is off.
func newFleet(t *testing.T) fleet {
	t.Helper()
	ssh := need.Program(t, "ssh")
	p, _ := workstation.WithReader(t)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "xdg", "autostart"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dir, "client"), 0o700))
	program, err := os.Executable()
	must(t, err)
	must(t, os.Symlink(program, filepath.Join(dir, "bin", "cpx-agent")))
	entry := "[Desktop Entry]\nType=Application\nName=TEST\nExec=" + filepath.Join(dir, "bin", "cpx-agent") + " run --supervise --quiet\n"
	must(t, os.WriteFile(filepath.Join(dir, "xdg", "autostart", "cpx-bridge.desktop"), []byte(entry), 0o600))

	// As sshd leaves it: no desktop, no locale, and here not even a home.
	common := []string{workstation.AsProgram, "PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "XDG_CONFIG_DIRS=" + filepath.Join(dir, "xdg"), "GORACE=atexit_sleep_ms=0"}
	good := slices.Clone(common)
	for _, v := range p.Keyring.Env {
		if strings.HasPrefix(v, "PCSCLITE_CSOCK_NAME=") {
			good = append(good, v)
		}
	}
	bad := append(slices.Clone(common), "PCSCLITE_CSOCK_NAME="+filepath.Join(dir, "nowhere"))
	server, err := sshd.New(t.Context(), dir, map[string][]string{"poste-1": good, "poste-2": bad, "poste-3": {"PATH=/usr/bin:/bin"}})
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	// The client's own programs, and ssh with the names of these workstations.
	must(t, os.WriteFile(filepath.Join(dir, "client", "ssh"), []byte("#!/bin/sh\nexec "+ssh+" -F "+server.Config+" \"$@\"\n"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "workstations.txt"), []byte("poste-1\nposte-2\nposte-3\nposte-4.invalid\n"), 0o600))
	return fleet{dir, append(os.Environ(), "PATH="+filepath.Join(dir, "client")+":"+os.Getenv("PATH"), "HOME="+dir)}
}

// run runs one of the client's programs in the fleet's folder.
func (f fleet) run(t *testing.T, env []string, program string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = f.dir, append(slices.Clone(f.env), env...)
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// documented is the block of the administrators' document in a language that has the part.
func documented(t *testing.T, language, part string) string {
	t.Helper()
	all, err := docs.Fenced(filepath.Join("..", "..", "docs", "administrators.md"), language)
	must(t, err)
	i := slices.IndexFunc(all, func(block string) bool { return strings.Contains(block, part) })
	if i < 0 {
		t.Fatalf("docs/administrators.md has no block of %s with %q", language, part)
	}
	return all[i]
}

// TestShellLoop runs the documents' loop over workstations: a line for each that has a problem,
// that lacks the program, or that is off, and none for the others.
func TestShellLoop(t *testing.T) {
	need.Program(t, "jq")
	f := newFleet(t)
	for _, shell := range []string{"sh", "bash"} {
		// What ssh says itself, and a program beyond it, comes when it comes, also within a line.
		out, _ := f.run(t, nil, shell, "-c", "exec 2>errors\n"+documented(t, "sh", "<workstations.txt"))
		lines := strings.Split(strings.TrimSpace(out), "\n")
		want := []string{"poste-2: no_pcsc_service", "poste-3: not examined (status 127)", "poste-4.invalid: not reached"}
		if !slices.Equal(lines, want) {
			said, _ := os.ReadFile(filepath.Join(f.dir, "errors"))
			t.Errorf("%s: %q\n%s", shell, lines, said)
		}
	}
}

// TestAnsiblePlay runs the documents' play with Ansible over ssh.
func TestAnsiblePlay(t *testing.T) {
	ansible := need.Program(t, "ansible-playbook")
	f := newFleet(t)
	must(t, os.WriteFile(filepath.Join(f.dir, "play.yml"), []byte(documented(t, "yaml", "cpx-agent doctor")), 0o600))
	python := need.Program(t, "python3")
	must(t, os.WriteFile(filepath.Join(f.dir, "hosts.ini"), []byte("[workstations]\nposte-1\nposte-2\nposte-3\nposte-4.invalid\n[workstations:vars]\nansible_become=false\nansible_python_interpreter="+python+"\n"), 0o600))
	env := []string{"ANSIBLE_PIPELINING=1", "ANSIBLE_NOCOLOR=1", "ANSIBLE_SSH_EXECUTABLE=" + filepath.Join(f.dir, "client", "ssh"), "ANSIBLE_SSH_ARGS=-o ControlMaster=no", "ANSIBLE_HOME=" + f.dir, "ANSIBLE_LOCAL_TEMP=" + f.dir, "LC_ALL=C.UTF-8"}
	for _, more := range [][]string{nil, {"--check"}} {
		out, exit := f.run(t, env, ansible, append([]string{"-i", "hosts.ini", "play.yml"}, more...)...)
		if exit == 0 {
			t.Errorf("%v: status 0", more)
		}
		for _, want := range []string{
			`fatal: \[poste-2\]: FAILED! => .*"msg": "no_pcsc_service"`, `(?m)^poste-1 +: ok=2 +changed=0 +unreachable=0 +failed=0`,
			`(?m)^poste-2 +: ok=1 +changed=0 +unreachable=0 +failed=1`, `(?m)^poste-3 +: ok=0 .* failed=1`, `(?m)^poste-4.invalid +: ok=0 .* unreachable=1`,
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%v: no %s in\n%s", more, want, out)
			}
		}
	}
	// Where all is well, the play is.
	if out, exit := f.run(t, env, ansible, "-i", "hosts.ini", "-l", "poste-1", "play.yml"); exit != 0 {
		t.Errorf("status %d\n%s", exit, out)
	}
}
