package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: an agent on a full disk runs; its log, its state and doctor say that
// no log is kept and what to do; nothing that was remembered is lost; and once there
// is room again the log goes on, and says what it lacks.
func TestFullDisk(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	p := workstation.NewPerson(t, "lang = \"en\"\n[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
	state := filepath.Join(p.Keyring.Home, "state")
	disk := fulldisk.New(t, state)
	dir := filepath.Join(state, "cpx-bridge")
	id := idOfUsable(cardsNow(t, p, 0))
	p.Runs(0, "certs", "use", id)
	before, err := os.ReadFile(filepath.Join(dir, "choice.json"))
	must(t, err)

	must(t, disk.Fill())
	if f := findings(t, p, 1)["log_full"]; f.Outcome != doctor.Notice || !strings.Contains(f.Text, "no log is kept") || !strings.Contains(f.Next, "Free some room") {
		t.Errorf("without an agent: %+v", f)
	}
	await := p.Starts()
	await("level=WARN msg=\"the log is not kept in its file\".*no space left")
	await("msg=listening")
	for lang, said := range map[string][2]string{
		"fr": {"aucun journal n’est tenu", "Libérez de la place"}, "en": {"no log is kept", "Free some room"},
	} {
		workstation.Contains(t, p.Runs(1, "doctor", "--lang", lang), "! ", said[0], "→ "+said[1])
	}
	if f := findings(t, p, 1)["log_full"]; f.Outcome != doctor.Notice {
		t.Errorf("with one: %+v", f)
	}
	workstation.Contains(t, p.Runs(0, "run"), "no log is kept") // the state, as a second start prints it
	for lang, said := range map[string]string{"fr": "le disque est plein", "en": "the disk is full"} {
		text := p.Runs(1, "certs", "use", id, "--lang", lang)
		workstation.Contains(t, text, said, dir)
	}
	after, err := os.ReadFile(filepath.Join(dir, "choice.json"))
	if err != nil || string(after) != string(before) {
		t.Errorf("what was chosen is lost: %v %q", err, after)
	}
	if half, err := filepath.Glob(filepath.Join(dir, ".choice.json-*")); err != nil || len(half) > 0 {
		t.Errorf("files remain: %q %v", half, err)
	}

	must(t, disk.Free())
	if f := findings(t, p, 1)["log_kept"]; f.Outcome != doctor.Good {
		t.Errorf("with room again: %+v", f)
	}
	await("msg=\"the log is kept in its file again\"")
	p.Runs(0, "certs", "use", id)
	text, err := os.ReadFile(filepath.Join(dir, "agent.log"))
	if err != nil || !strings.Contains(string(text), "lines are missing here") {
		t.Errorf("%v %q", err, text)
	}

	// The same beneath an agent that has its file open, to the end of its last page.
	f, err := os.OpenFile(filepath.Join(dir, "agent.log"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = fmt.Fprintf(f, "time=TEST msg=%s\n", strings.Repeat("x", 2*os.Getpagesize()-len(text)%os.Getpagesize()-len("time=TEST msg=\n")))
	must(t, errors.Join(err, f.Close(), disk.Fill()))
	for end := time.Now().Add(testdesktop.Patience); !strings.Contains(p.Runs(0, "run"), "no log is kept"); {
		if time.Now().After(end) { // each time the agent logs that its state is shown
			t.Fatal("the agent does not notice that its disk became full")
		}
	}
	must(t, disk.Free())
	findings(t, p, 1)
	p.Runs(0, "run")
	text, err = os.ReadFile(filepath.Join(dir, "agent.log"))
	must(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, "time=") || strings.Count(line, "time=") != 1 {
			t.Errorf("a torn line runs into the next: %q", line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "msg=") || strings.Count(string(text), "lines are missing here") != 2 {
		t.Errorf("the log does not go on: %s", text)
	}
}

// TestNoFolderForTheLog: a folder that cannot be written, or that is a file, stops no
// agent either; doctor and the log name the folder and what to do.
func TestNoFolderForTheLog(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	for name, spoil := range map[string]func(t *testing.T, state string){
		"a disk that is read only": func(t *testing.T, state string) { must(t, fulldisk.New(t, state).ReadOnly(true)) },
		"a file in its place":      func(t *testing.T, state string) { must(t, os.WriteFile(state, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := workstation.NewPerson(t, "lang = \"en\"\n[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
			spoil(t, filepath.Join(p.Keyring.Home, "state"))
			check := func() {
				t.Helper()
				f := findings(t, p, 1)["log_refused"]
				if f.Outcome != doctor.Notice || !strings.Contains(f.Text, "cpx-bridge") || !strings.Contains(f.Next, "a folder that you can write to") {
					t.Errorf("%+v", f)
				}
			}
			check()
			await := p.Starts()
			await("level=WARN msg=\"the log is not kept in its file\"")
			await("msg=listening")
			check()
		})
	}
}

// TestFullRuntimeFolder: where the folder of lock and socket has no room for a byte,
// the agent runs and can be called; where it has none for a name either, it says so and
// doctor names the folder and what to do.
func TestFullRuntimeFolder(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	p := workstation.NewPerson(t, "lang = \"en\"\n[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
	runtime := t.TempDir()
	disk := fulldisk.New(t, runtime)
	p.Keyring.Env = append(p.Keyring.Env, "XDG_RUNTIME_DIR="+runtime)
	must(t, disk.Fill())
	var agent *exec.Cmd
	await := p.StartsAs(func(cmd *exec.Cmd) { agent = cmd })
	await("msg=listening")
	workstation.Contains(t, p.Runs(0, "run"), "is running") // it is called, and no second one starts
	must(t, agent.Process.Signal(syscall.SIGTERM))
	_ = agent.Wait() // ended by us
	must(t, disk.Free())
	must(t, os.RemoveAll(filepath.Join(runtime, "cpx-bridge")))
	must(t, disk.FillNames())
	workstation.Contains(t, p.Runs(1, "run", "--no-tray"), runtime, "no space left")
	found := findings(t, p, 1)
	if f := found["runtime_full"]; f.Outcome != doctor.Problem || !strings.Contains(f.Text, runtime) || !strings.Contains(f.Next, "Free some room") {
		t.Errorf("%+v", f)
	}
	if f := found["no_agent"]; f.Next != "" {
		t.Errorf("it is advised to start one: %+v", f)
	}
}
