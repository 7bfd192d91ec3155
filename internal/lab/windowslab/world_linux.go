package windowslab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// Windows is the Windows that a world is in, and the network that it shares with the
// Linux programs that connect to it.
type Windows interface {
	// Command is a Windows program's command, for the caller to start.
	Command(program string, args ...string) *exec.Cmd
	// Inside is a Linux program's command in the same network.
	Inside(program string, args ...string) *exec.Cmd
	// Path is this system's path of a file below C:, with slashes.
	Path(name string) string
}

// Site is the portal of the rows, which the settings allow.
const Site = "https://portail.example.fr"

// The programs' paths in the Windows.
const (
	agentProgram  = `C:\cpx\cpx-agent.exe`
	clientProgram = `C:\cpx\client.exe`
	nodeProgram   = `C:\cpx\node.exe`
	nodeScript    = `C:\cpx\client.mjs`
	configPath    = `C:\cpx\config.toml`
	agentPort     = "27720"
)

// World is a workstation with Windows, a reader and a card.
type World struct {
	t       *testing.T
	windows Windows
	other   Windows // another Windows in the same network, nil for none
	screen  *testdesktop.Screen
	pki     *demopki.PKI
	station *virtual.Station
	marker  string // in the environment of every program of this world
	linux   string // our client, built for this system
	program string // the agent's, as Windows names it

	policy bool // whether there is a machine's policy
	agent  *agent
	heard  int // the mark in the agent's log after the last line that a row waited for
}

// agent is a running agent.
type agent struct {
	cmd   *exec.Cmd
	log   *output
	ended chan struct{}
}

// Options say what a world has.
type Options struct {
	Arch string // of agent and module: amd64 by default, or 386
	Node bool   // whether Node is there
	// Small has a small module of ours (testdata/token.c) in the place of OpenSC's.
	Small bool
	// Other is another Windows in the same network, with programs of its own.
	Other Windows
	// Installed is the path of the agent's program that a package brings, or has brought; none
	// is built here then.
	Installed string
}

// Environment is what every program of a world needs, made before its Windows: the
// screen, the reader's port and a marker.
type Environment struct {
	Screen *testdesktop.Screen
	marker string
}

// readerPort is the relay's, in the world's own network.
const readerPort = "7777"

// NewEnvironment starts the screen.
func NewEnvironment(t *testing.T) Environment {
	t.Helper()
	screen := testdesktop.NewScreen(t)
	screen.Manage()
	mark := make([]byte, 8)
	_, _ = rand.Read(mark)
	return Environment{Screen: screen, marker: "CPX_TEST_WORLD=" + hex.EncodeToString(mark)}
}

// Variables are for every program of the Windows.
func (e Environment) Variables() []string {
	return []string{"DISPLAY=" + e.Screen.Display, "CPX_TEST_PCSC=" + readerPort, e.marker, overrides, "WINEDEBUG=-all,+eventlog"}
}

// overrides are wine's, as winetest has them, and the double for its own winscard.
const overrides = "WINEDLLOVERRIDES=winemenubuilder.exe=d;mscoree=d;mshtml=d;winscard=n"

// Open puts programs, reader and card into a Windows.
func Open(t *testing.T, e Environment, windows Windows, o Options) *World {
	t.Helper()
	if o.Arch == "" {
		o.Arch = "amd64"
	}
	w := &World{t: t, windows: windows, screen: e.Screen, marker: e.marker, program: cmp.Or(o.Installed, agentProgram), linux: buildGo(t, "linux", "amd64", "./internal/lab/windowslab/client")}
	var err error
	if w.pki, err = demopki.New(time.Now()); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "cpxw") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if w.station, err = virtual.NewStation(virtual.StationOptions{Socket: filepath.Join(dir, "pcscd"), Card: w.newCard(virtual.CardOptions{})}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.station.Stop(); err != nil {
			t.Error(err)
		}
	})
	relay(t, windows.Inside, readerPort, w.station.Socket())
	if o.Installed == "" {
		install(t, buildAgent(t, o.Arch), w.file(agentProgram))
	} else {
		w.known(e.Variables())
	}
	ours := buildGo(t, "windows", "amd64", "./internal/lab/windowslab/client")
	install(t, ours, w.file(clientProgram))
	if w.other = o.Other; w.other != nil {
		install(t, ours, w.other.Path("cpx/client.exe"))
	}
	if o.Node {
		install(t, node(t), w.file(nodeProgram))
		if err := write(w.file(nodeScript), source(t, "node/client.mjs")); err != nil {
			t.Fatal(err)
		}
	}
	module := openSC
	if o.Small {
		module = smallModule
	}
	w.installModule(o.Arch, module(t, o.Arch))
	t.Cleanup(func() {
		w.t = t
		w.killAgent()
	})
	return w
}

// installModule puts the module in OpenSC's known place, and the double in the folder of
// the system's DLLs.
func (w *World) installModule(arch, module string) {
	w.t.Helper()
	system, programs := "windows/system32", "Program Files"
	if arch == "386" {
		system, programs = "windows/syswow64", "Program Files (x86)"
	}
	install(w.t, winscard(w.t, arch), w.windows.Path(system+"/winscard.dll"))
	install(w.t, module, w.windows.Path(programs+"/OpenSC Project/OpenSC/pkcs11/opensc-pkcs11.dll"))
}

// file is this system's path of one of the programs' paths.
func (w *World) file(path string) string {
	return w.windows.Path(strings.ReplaceAll(strings.TrimPrefix(path, `C:\`), `\`, "/"))
}

// relay makes the reader's socket a port of the network that start's programs are in.
func relay(t testing.TB, inside func(program string, args ...string) *exec.Cmd, port, socket string) {
	t.Helper()
	cmd := inside(buildGo(t, "linux", "amd64", "./internal/lab/windowslab/inside"), "relay", port, socket)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := newOutput()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, _, ok := out.next(0, patience, func(line string) bool { return line == "ready" }); !ok {
		t.Fatalf("relay: %s", out.tail(10))
	}
}

func (w *World) newCard(o virtual.CardOptions) vcard.Card {
	w.t.Helper()
	card, err := virtual.NewCard(w.pki.Intermediate, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return card
}

// reset makes the workstation new for a row: no agent, no state, no settings but these,
// the card in the reader.
func (w *World) reset(card vcard.Card, settings string, policy []string) {
	w.t.Helper()
	w.killAgent()
	w.dropPolicy()
	if len(policy) > 0 {
		w.setPolicy(policy...)
	}
	for _, dir := range []string{"Local", "Roaming"} {
		found, err := filepath.Glob(w.windows.Path("users/*/AppData/" + dir + "/CPxBridge"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.station.SetDelay(0)
	if err := errors.Join(w.station.Start(), w.station.Plug()); err != nil {
		w.t.Fatal(err)
	}
	w.station.Put(card)
	if err := write(w.windows.Path("cpx/config.toml"), []byte(settings)); err != nil {
		w.t.Fatal(err)
	}
}

// listening is said of the last of the agent's listeners.
const listening = "msg=listening address=[::1]:"

// start starts the agent, and waits until it serves.
func (w *World) start(args ...string) error {
	a := &agent{log: newOutput(), ended: make(chan struct{})}
	a.cmd = w.windows.Command(w.program, append([]string{"run", "--no-tray", "--config", configPath}, args...)...)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = a.cmd.Wait() // it ends as the row wants
		a.log.end()
		close(a.ended)
	}()
	w.agent = a
	_, after, ok := a.log.next(0, patience, func(line string) bool { return strings.Contains(line, listening) })
	if !ok {
		return fmt.Errorf("the agent does not serve:\n%s", a.log.tail(20))
	}
	w.heard = after
	return w.firstClient()
}

// firstClient is the first client of the agent's pipe, and goes. Of a pipe's instances
// go-winio reserves the first, which on Windows accepts nobody; wine gives it to the first
// client, who would wait for ever.
func (w *World) firstClient() error {
	files, err := filepath.Glob(w.windows.Path("users/*/AppData/Local/CPxBridge/agent-*.lock"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("the agent's lock: %q, %w", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	_, name, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	out, err := w.windows.Command(clientProgram, "-pipe", name).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the agent's pipe %q: %w\n%s", name, err, out)
	}
	return nil
}

// hears waits for a line of the agent's log, after those already heard.
func (w *World) hears(text string) bool {
	_, after, ok := w.agent.log.next(w.heard, patience, func(line string) bool { return strings.Contains(line, text) })
	w.heard = after
	return ok
}

// processes are the agent's of this world whose arguments contain some: of both of its
// programs, with a console and without.
func (w *World) processes(holding ...string) []int {
	return w.processesOf(strings.TrimSuffix(w.program, ".exe"), holding...)
}

// processesOf are a program's, by their numbers on this system: a process in wine is one
// of Linux, too.
func (w *World) processesOf(program string, holding ...string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, _ := os.ReadFile(file) // fails for processes that have ended
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		// The first word is the program's own path: start.exe, which wine puts before it,
		// has it as an argument.
		if !bytes.Contains(env, []byte(w.marker)) || !bytes.HasPrefix(line, []byte(program)) {
			continue
		}
		fits := true
		for _, word := range holding {
			fits = fits && bytes.Contains(line, []byte("\x00"+word))
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && fits {
			pids = append(pids, pid)
		}
	}
	return pids
}

// modules are the processes of the agent's modules.
func (w *World) modules() []int { return w.processes(string(role.PKCS11Module)) }

// moduleRuns waits until a module's process is there and its module is open, and reports
// whether one is.
func (w *World) moduleRuns() bool {
	_, _, opened := w.agent.log.next(0, patience, func(line string) bool { return strings.Contains(line, "module opened") })
	return opened && len(w.modules()) > 0
}

// killModules kills the modules' processes. Where there is none, the row would show nothing.
func (w *World) killModules() {
	w.t.Helper()
	killed := 0
	for _, pid := range w.modules() {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed == 0 {
		w.t.Error("no module's process was there to be killed")
	}
}

// killAgent kills the agent, and waits until none of its processes is there: they end
// by themselves.
func (w *World) killAgent() {
	w.t.Helper()
	for _, pid := range w.processes("run") {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if !w.gone() {
		w.t.Errorf("processes of a killed agent live on: %v", w.processes())
	}
	if w.agent != nil {
		select {
		case <-w.agent.ended:
		case <-time.After(patience):
			w.t.Error("the killed agent's output does not end")
		}
		w.agent = nil
	}
}

// gone waits until no process of the agent is there.
func (w *World) gone() bool {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		running := w.processes()
		if len(running) == 0 {
			return true
		}
		for _, pid := range running {
			if err := awaitEnd(pid, deadline); err != nil {
				w.t.Logf("process %d: %v", pid, err)
				return false
			}
		}
	}
}

// awaitEnd waits until a process has ended that is not our child (pidfd_open(2)).
func awaitEnd(pid int, deadline time.Time) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		ends := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ends, int(max(0, time.Until(deadline)).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return os.ErrDeadlineExceeded
		default:
			return nil
		}
	}
}

// command runs the agent's program with other arguments, to its end, and returns what it
// printed and its exit status.
func (w *World) command(args ...string) (string, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := w.windows.Command(w.program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		w.t.Fatalf("%v: %v\n%s", args, err, out.String())
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// killClient kills our client.
func (w *World) killClient() {
	for _, pid := range w.processesOf(clientProgram) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
