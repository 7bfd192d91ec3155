package soak

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const openSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

// patientLimits let a module answer late where the machine stands still, as it may beside other
// tests.
const patientLimits = "[limits]\ncard = \"2m\"\nother = \"1m\"\n"

// world is a workstation with a card, a reader and a panel, and a portal.
type world struct {
	t       *testing.T
	stack   *stack.Stack
	station *virtual.Station
	panel   *testdesktop.TrayHost
	menu    *testdesktop.TrayIcon
	person  *person
	client  *http.Transport
	db      *sql.DB // the portal's
	temp    string  // where all of them have their temporary files

	agent, portal *stack.Process
	ends          []context.CancelFunc

	owed      float64   // refused dialogs
	amends    int64     // logins of other than the usual rounds
	failed    int64     // logins that were tried anew
	menus     int       // processes of the menu that were killed
	menuBegun time.Time // when the one after the last of them did
}

// newWorld makes all of it, and starts neither agent nor portal.
func newWorld(t *testing.T, bin string) *world {
	t.Helper()
	need.File(t, openSC)
	// Sockets have short names, shorter than a test's own folder may be.
	dir, err := os.MkdirTemp("", "cpxs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{t: t, temp: filepath.Join(dir, "tmp"), person: newPerson(t, filepath.Join(dir, "person")), client: &http.Transport{MaxIdleConnsPerHost: 2}}
	t.Cleanup(w.client.CloseIdleConnections)
	address := testdesktop.Bus(t)
	screen := testdesktop.NewXServer(t)
	w.panel = testdesktop.NewTrayHost(t, address)
	for _, folder := range []string{w.temp, filepath.Join(dir, "home")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "pcscd")
	w.stack, err = stack.Prepare(t.Context(), stack.Options{
		Dir: filepath.Join(dir, "s"), Bin: bin, Modules: []string{openSC}, AutoPIN: map[string]any{"socket": w.person.socket},
		Settings: patientLimits,
		Extra: map[string]string{
			"PCSCLITE_CSOCK_NAME": socket, "TMPDIR": w.temp, "HOME": filepath.Join(dir, "home"), "LC_ALL": "fr_FR.UTF-8",
			"DISPLAY": screen.Display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": address, "NO_AT_BRIDGE": "1",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pki, err := democard.OpenPKI(w.stack.Path("card/ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if w.station, err = virtual.NewStation(virtual.StationOptions{Socket: socket, Card: card}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.station.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.end)
	return w
}

// start starts agent and portal, with the card in the reader.
func (w *world) start() {
	w.t.Helper()
	begin := func(do func(ctx context.Context) (*stack.Process, error)) *stack.Process {
		w.t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		p, err := do(ctx)
		if p != nil {
			w.ends = append(w.ends, func() { cancel(); _ = p.Wait() })
		} else {
			cancel()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return p
	}
	w.station.Insert()
	w.portal = begin(w.stack.StartPortal)
	w.agent = begin(func(ctx context.Context) (*stack.Process, error) { return w.stack.StartAgent(ctx, false) })
	w.menu = w.panel.Icon()
}

// end ends agent and portal, where they run.
func (w *world) end() {
	for _, end := range slices.Backward(w.ends) {
		end()
	}
	w.ends = nil
	if w.t.Failed() {
		for _, name := range []string{"cpx-agent.log", "cpx-portal.log"} {
			text, _ := os.ReadFile(w.stack.Path(name))
			lines := strings.Split(string(text), "\n")
			w.t.Logf("the end of %s:\n%s", name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	}
}

// quit ends agent or portal by a signal at which Go's runtime prints each goroutine, and
// counts these.
func (w *world) quit(name string, p *stack.Process) map[string]int {
	w.t.Helper()
	if err := p.Signal(syscall.SIGQUIT); err != nil {
		w.t.Fatal(err)
	}
	_ = p.Wait() // by that signal
	printed, err := os.ReadFile(w.stack.Path("cpx-" + name + ".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	counts := Goroutines(string(printed))
	if len(counts) == 0 {
		w.t.Fatalf("%s printed no goroutines", name)
	}
	return counts
}

// named are the processes whose use is compared.
func (w *world) named() map[string]int {
	list := map[string]int{"agent": w.agent.PID(), "portal": w.portal.PID()}
	for pid, line := range Children(w.agent.PID()) {
		switch {
		case strings.Contains(line, string(role.PKCS11Module)):
			list["module"] = pid
		case strings.Contains(line, string(role.TrayMenu)):
			list["menu"] = pid
		}
	}
	return list
}

// rotated are the log's files, of which there is a fixed number at most (agent/journal).
func rotated(name string) bool {
	return strings.HasPrefix(name, "agent") && strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "audit") && strings.HasSuffix(name, ".log")
}

// sample is what there is now.
func (w *world) sample() (s Sample, files []string) {
	w.t.Helper()
	s.Uses = map[string]Use{}
	for name, pid := range w.named() {
		u, err := UseOf(pid)
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		s.Uses[name] = u
	}
	s.Processes = 2 + len(Children(w.agent.PID())) + len(Children(w.portal.PID()))
	files, err := FilesBelow(rotated, w.temp, w.stack.Path("r"), w.stack.Path("state"), w.stack.Path("config"))
	if err != nil {
		w.t.Fatal(err)
	}
	s.Files = len(files)
	return s, files
}

// person answers the dialogs that ask for a PIN.
type person struct {
	socket          string
	refuses         atomic.Bool
	entered, denied atomic.Int64
}

func newPerson(t *testing.T, socket string) *person {
	t.Helper()
	p := &person{socket: socket}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answer, counted := virtual.PIN, &p.entered
			if p.refuses.Load() {
				answer, counted = "cancel", &p.denied
			}
			counted.Add(1)
			_, _ = fmt.Fprintln(c, answer) // a dialog that was ended meanwhile wants none
			_ = c.Close()
		}
	}()
	return p
}

// fill adds old rows to the portal's database, which the portal is to delete: sessions,
// nonces that were used, and lines of the audit log.
func (w *world) fill(rows int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.stack.Path("portal.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	w.db = db
	third := strconv.Itoa((rows + 2) / 3)
	for _, into := range []string{
		`sessions (id, created, seen) SELECT randomblob(32), 1, 1`,
		`used_nonces (nonce, until) SELECT hex(randomblob(32)), 1`,
		`audit (at, event, account, name, card, certificate, address, reason) SELECT 1, 'login', 0, '', 0, hex(randomblob(32)), '127.0.0.1', ''`,
	} {
		if _, err := db.ExecContext(w.t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+third+`) INSERT INTO `+into+` FROM n`); err != nil {
			w.t.Fatal(err)
		}
	}
}

// purged reports whether all rows of fill are gone.
func (w *world) purged() bool {
	w.t.Helper()
	for _, old := range []string{`sessions WHERE seen < 2`, `used_nonces WHERE until < 2`, `audit WHERE at < 2`} {
		var one int
		switch err := w.db.QueryRowContext(w.t.Context(), `SELECT 1 FROM `+old+` LIMIT 1`).Scan(&one); err {
		case nil:
			return false
		case sql.ErrNoRows:
		default:
			w.t.Fatal(err)
		}
	}
	return true
}
