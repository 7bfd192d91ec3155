package weight

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const (
	starts   = 15 // of each side
	idleTime = time.Minute
)

// released is the agent as a release has it, built once in a run.
var released = sync.OnceValues(func() (program string, err error) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, "build", "weight")
	cmd := exec.Command(filepath.Join(root, "scripts", "linux"), folder, "./cmd/cpx-agent")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("scripts/linux: %w: %s", err, out)
	}
	return filepath.Join(folder, "cpx-agent"), nil
})

func program(b *testing.B) string {
	b.Helper()
	p, err := released()
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// station is a person's session at a workstation with a reader.
type station struct {
	b       *testing.B
	dir     string
	program string
	port    int
	env     []string
}

func newStation(b *testing.B, inserted bool) *station {
	b.Helper()
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		need.Lacks(b, "OpenSC's module")
	}
	dir, err := os.MkdirTemp("", "cpxw") // sockets have short names
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &station{b: b, dir: dir, program: program(b), port: freePort(b)}
	settings := fmt.Sprintf("modules = [%q]\n[ports]\nfirst = %d\ncount = 1\n", modules[0], s.port)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(settings), 0o600); err != nil {
		b.Fatal(err)
	}
	o := virtual.StationOptions{Socket: filepath.Join(dir, "pcscd")}
	if inserted {
		pki, err := demopki.New(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		if o.Card, err = virtual.NewCard(pki.Intermediate, virtual.CardOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	d, err := virtual.NewStation(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Stop() })
	s.env = []string{"PATH=" + os.Getenv("PATH"), "LANG=fr_FR.UTF-8", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "PCSCLITE_CSOCK_NAME=" + o.Socket,
		"DBUS_SESSION_BUS_ADDRESS=disabled:", "DBUS_SYSTEM_BUS_ADDRESS=disabled:"}
	return s
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// agent is one that runs.
type agent struct {
	*station
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func (s *station) start(args ...string) *agent {
	s.b.Helper()
	a := &agent{station: s, cmd: exec.Command(s.program, append([]string{"--config", filepath.Join(s.dir, "config.toml"), "run"}, args...)...)}
	a.cmd.Env = s.env
	out, err := a.cmd.StderrPipe()
	if err != nil {
		s.b.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		s.b.Fatal(err)
	}
	a.lines = bufio.NewScanner(out)
	return a
}

// await reads the log until a line has the text.
func (a *agent) await(text string) {
	a.b.Helper()
	var before bytes.Buffer
	for a.lines.Scan() {
		if bytes.Contains(a.lines.Bytes(), []byte(text)) {
			return
		}
		fmt.Fprintln(&before, a.lines.Text())
	}
	a.b.Fatalf("the agent ended without %q:\n%s", text, before.String())
}

// read lets the agent go on to write its log.
func (a *agent) read() {
	go func() {
		for a.lines.Scan() {
		}
	}()
}

func (a *agent) end() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	_ = a.cmd.Wait()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkStart measures from the start of the process to the line that says it listens, with
// a reader and no card, and the processor time that the process took until then: it is killed
// there. The floor is a start of the same program that prints its version.
func BenchmarkStart(b *testing.B) {
	s := newStation(b, false)
	var agents, processors, floors, floorProcessors []float64
	for range starts {
		begun := time.Now()
		a := s.start("--no-tray")
		a.await("msg=listening")
		took := time.Since(begun)
		_ = a.cmd.Process.Kill()
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil { // it may have ended already
			_ = conn.Close()
		}
		a.read()
		_ = a.cmd.Wait()
		agents = append(agents, milliseconds(took))
		processors = append(processors, milliseconds(a.cmd.ProcessState.UserTime()+a.cmd.ProcessState.SystemTime()))

		begun = time.Now()
		cmd := exec.Command(s.program, "version")
		cmd.Env = s.env
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		floors = append(floors, milliseconds(time.Since(begun)))
		floorProcessors = append(floorProcessors, milliseconds(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
	}
	b.ReportMetric(median(agents), "agent-ms")
	b.ReportMetric(median(processors), "processor-ms")
	b.ReportMetric(median(floors), "version-ms")
	b.ReportMetric(median(floorProcessors), "versionprocessor-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMemory measures the agent and its module's process with a card in the reader, once it
// was read: their memory, shared pages in proportion.
func BenchmarkMemory(b *testing.B) {
	if os.Geteuid() != 0 {
		need.Lacks(b, "root, who alone sees the memory of processes that allow no debugger")
	}
	s := newStation(b, true)
	a := s.start("--no-tray")
	defer a.end()
	s.settle(a)
	found := memory(b, a.cmd.Process.Pid)
	for name, bytes := range found {
		b.ReportMetric(float64(bytes)/1e6, name+"-MB")
	}
	b.ReportMetric(float64(sum(found))/1e6, "both-MB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIdle measures the clock ticks that the same two take in a minute.
func BenchmarkIdle(b *testing.B) {
	s := newStation(b, true)
	a := s.start("--no-tray")
	defer a.end()
	s.settle(a)
	before := used(b, a.cmd.Process.Pid)
	time.Sleep(idleTime)
	took := used(b, a.cmd.Process.Pid) - before
	b.ReportMetric(float64(took/tick), "idle-ticks")
	b.ReportMetric(milliseconds(took), "idle-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMenu is BenchmarkMemory with the menu's process on a display.
func BenchmarkMenu(b *testing.B) {
	if os.Geteuid() != 0 {
		need.Lacks(b, "root, who alone sees the memory of processes that allow no debugger")
	}
	s := newStation(b, true)
	bus := testdesktop.Bus(b)
	host := testdesktop.NewTrayHost(b, bus)
	s.env = append(s.env, "DISPLAY="+testdesktop.Display(b), "DBUS_SESSION_BUS_ADDRESS="+bus)
	a := s.start()
	defer a.end()
	s.settle(a)
	icon := host.Icon()
	icon.Await("a menu", func() bool { return len(icon.Labels()) > 0 })
	found := memory(b, a.cmd.Process.Pid)
	b.ReportMetric(float64(sum(found))/1e6, "all-MB")
	b.ReportMetric(float64(found["tray-menu"])/1e6, "menu-MB")
	b.ReportMetric(0, "ns/op")
}

// settle waits until the card has been read, as a second program is told, and the agent has
// nothing more to do.
func (s *station) settle(a *agent) {
	s.b.Helper()
	a.await("msg=listening")
	a.read()
	for end := time.Now().Add(time.Minute); ; {
		cmd := exec.Command(s.program, "--config", filepath.Join(s.dir, "config.toml"), "certs", "--json")
		cmd.Env = s.env
		out, err := cmd.Output()
		if err == nil && bytes.Contains(out, []byte(`"usable": true`)) {
			break
		}
		if time.Now().After(end) {
			s.b.Fatalf("no card is read: %v %s", err, out)
		}
	}
	pid := a.cmd.Process.Pid
	for last := time.Duration(0); ; { // two seconds without a tick
		now := used(s.b, pid)
		if now-last < tick {
			return
		}
		last = now
		time.Sleep(2 * time.Second)
	}
}

// family are a process and those that it started, by the role that they play.
func family(b *testing.B, pid int) map[int]string {
	b.Helper()
	all := map[int]string{pid: "agent"}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		b.Fatal(err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, task := range tasks { // a child belongs to the thread that started it
		if more, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name())); err == nil {
			text = append(append(text, ' '), more...)
		}
	}
	for _, word := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			b.Fatal(err)
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
		if args := strings.Split(string(line), "\x00"); err == nil && len(args) > 1 {
			all[child] = args[1]
		}
	}
	return all
}

// memory is the memory in octets that a process and those that it started take, shared pages in
// proportion, by their roles.
func memory(b *testing.B, pid int) map[string]int {
	b.Helper()
	all := map[string]int{}
	for p, name := range family(b, pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\nPss:")
		var kilobytes int
		if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
		all[name] += kilobytes * 1024
	}
	return all
}

func sum(of map[string]int) (all int) {
	for _, n := range of {
		all += n
	}
	return all
}

// tick is a clock tick. The kernel's own count of them, which is of each process and rounded,
// may go on by one for a moment's work that follows much.
const tick = 10 * time.Millisecond

// used is the processor time that the threads of a process, and of those that it started, have
// taken (proc_pid_schedstat(5)).
func used(b *testing.B, pid int) (all time.Duration) {
	b.Helper()
	for p := range family(b, pid) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		if err != nil || len(threads) == 0 {
			b.Fatalf("process %d: no threads, %v", p, err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // it has ended
			}
			var nanoseconds int64
			if _, err := fmt.Sscan(string(text), &nanoseconds); err != nil {
				b.Fatalf("%v: %s", err, text)
			}
			all += time.Duration(nanoseconds)
		}
	}
	return all
}

// BenchmarkSize is the size of the agent as a package installs it.
func BenchmarkSize(b *testing.B) {
	info, err := os.Stat(program(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "agent-MB")
	b.ReportMetric(0, "ns/op")
}
