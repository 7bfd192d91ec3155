package soak

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

var (
	portion = flag.Float64("portion", 0.01, "how much of all is played")
	bin     = flag.String("bin", "", "the folder of the programs; empty: they are built")
	idle    = flag.Duration("idle", 0, "how long nothing happens at the end; 0: the portion of five minutes")
	leak    = flag.String("leak", "", "what is to leak, which must be found: page, file")
)

// amounts are what is played.
type amounts struct {
	rounds    int // each has a page, two events of the card and two logins
	refusals  int // dialogs
	restarts  int // of the module's process
	rows      int // of the portal's database
	idle      time.Duration
	idleTicks bool // whether the idle time is long enough to count
}

// all is a portion of what `make soak` plays: 20,000 logins, 20,000 events of the card, 10,000
// pages, 2,000 refused dialogs, 1,000 restarts, 1,000,000 rows.
func all(portion float64) amounts {
	part := func(n int) int { return max(1, int(float64(n)*portion)) }
	length := cmp.Or(*idle, time.Duration(float64(idleTime)*min(1, portion)))
	return amounts{rounds: part(10_000), refusals: part(2_000), restarts: part(1_000), rows: part(1_000_000), idle: length, idleTicks: length >= idleTime}
}

const (
	warmUp      = 60 // rounds at most, before the first sample
	samples     = 48 // of each part
	inARow      = 9  // refused dialogs: at the tenth an allowed site pauses (agent/login)
	menuRestart = 31 * time.Second
	idleTime    = 5 * time.Minute
	purgeLimit  = 30 * time.Minute
	// heldByPortal is how much of its database the portal may hold in memory (portal/store).
	heldByPortal = 16_000 // kB
)

// programs is the folder of the programs.
func programs(t *testing.T) string {
	t.Helper()
	need.File(t, openSC)
	need.Program(t, "Xvfb")
	need.Program(t, "dbus-daemon")
	if *bin != "" {
		path, err := filepath.Abs(*bin)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// TestSoak plays the portion, and fails where anything has grown. Of goroutines the system
// shows nothing: a run before, of the first rounds alone, ends by a signal at which Go's runtime
// prints them, and so does the whole at its end.
func TestSoak(t *testing.T) {
	rows := play(t, programs(t), all(*portion), *leak)
	var table strings.Builder
	flat, err := Table(&table, rows)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(os.Stderr, table.String())
	if !flat {
		t.Error("not flat")
	}
}

// TestSoakSeesALeak: pages that are never closed, and a file that stays with each round, are found.
func TestSoakSeesALeak(t *testing.T) {
	few := amounts{rounds: 24, refusals: 1, restarts: 2, rows: 1}
	programs := programs(t)
	for leak, wanted := range map[string][]string{"page": {"agent descriptors", "agent goroutines"}, "file": {"all temporary files"}} {
		t.Run(leak, func(t *testing.T) {
			rows := play(t, programs, few, leak)
			for _, what := range wanted {
				if !slices.ContainsFunc(rows, func(r Row) bool { return r.Of+" "+r.What == what && !r.Flat() }) {
					t.Errorf("%s have not grown: %v", what, rows)
				}
			}
		})
	}
}

// play plays the amounts and returns what was compared.
func play(t *testing.T, programs string, a amounts, leak string) (rows []Row) {
	t.Helper()
	w := newWorld(t, programs)
	begun := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "soak: %6s  %s\n", time.Since(begun).Round(time.Second), fmt.Sprintf(format, args...))
	}
	w.start()
	w.attach()
	for i := range min(warmUp, a.rounds/4) {
		w.round(i, 0)
	}
	agentAtStart, portalAtStart := w.quit("agent", w.agent), w.quit("portal", w.portal)

	w.fill(a.rows)
	w.start()
	rows = append(rows, w.purge(say, a))
	logins, refused := w.person.entered.Load(), w.person.denied.Load()
	say("%d rounds begin", a.rounds)
	w.owed = 0
	rows = append(rows, w.part(say, "rounds", a.rounds, func(i int) {
		w.leaks(leak, i)
		w.round(i, float64(a.refusals)/float64(a.rounds))
		if i == a.rounds-1 {
			w.refusals(int(w.owed + 0.5))
		}
	})...)
	say("%d logins, %d dialogs refused, %d events of the card", w.person.entered.Load()-logins, w.person.denied.Load()-refused, 2*a.rounds)
	entered, denied, least := w.person.entered.Load()-logins, w.person.denied.Load()-refused, int64(2*a.rounds)+w.amends
	if entered < least || entered > least+w.failed || denied != int64(a.refusals) {
		t.Errorf("%d PINs were entered and %d dialogs refused, want %d and %d; %d logins failed", entered, denied, least, a.refusals, w.failed)
	}

	w.station.Insert()
	for _, r := range w.part(say, "restarts", a.restarts/2, w.restart) {
		r.What += ", restarts"
		rows = append(rows, r)
	}
	say("%d restarts of the module's process, %d of the menu's", 2*(a.restarts/2), w.menus)
	if tries := w.station.Card().PIN().Tries(); tries == 0 {
		t.Error("the card's PIN is locked")
	}
	// First the portal: it writes its log into the folder of the agent's settings, which the
	// agent watches.
	rows = append(rows, GoroutineRows("portal", portalAtStart, w.quit("portal", w.portal))...)
	rows = append(rows, w.idle(say, a)...)
	return append(rows, GoroutineRows("agent", agentAtStart, w.quit("agent", w.agent))...)
}

// part plays n steps, with samples between them, and compares these.
func (w *world) part(say func(string, ...any), what string, n int, step func(i int)) []Row {
	w.t.Helper()
	var list []Sample
	var first, files []string
	begun := time.Now()
	sample := func(done int) {
		w.t.Helper()
		var s Sample
		s, files = w.sample()
		if list = append(list, s); first == nil {
			first = files
		}
		rest := time.Duration(0)
		if done > 0 {
			rest = time.Since(begun) * time.Duration(n-done) / time.Duration(done)
		}
		say("%d of %d %s, %s to go: %s", done, n, what, rest.Round(time.Second), describe(s))
	}
	every := max(1, n/samples)
	sample(0)
	for i := range n {
		step(i)
		if (i+1)%every == 0 {
			sample(i + 1)
		}
	}
	rows := Rows(list)
	for _, r := range rows {
		if r.What == "temporary files" && !r.Flat() {
			say("files at the start: %q", first)
			say("files at the end: %q", files)
		}
	}
	return rows
}

func describe(s Sample) string {
	var parts []string
	for _, name := range []string{"agent", "module", "menu", "portal"} {
		u := s.Uses[name]
		parts = append(parts, fmt.Sprintf("%s %.1f MB %d fd %d thr", name, float64(u.Kilobytes)/1024, u.Descriptors, u.Threads))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; %d processes, %d files", s.Processes, s.Files)
}

// round has a page come, a card that is put in log in twice, and card and page go. Dialogs are
// refused between the two logins once so many are owed that they make a row.
func (w *world) round(i int, refusals float64) {
	w.t.Helper()
	p := w.open()
	p.status()
	w.station.Insert()
	p.logIn()
	w.menuShows("Carte prête : ")
	if w.owed += refusals; w.owed >= inARow {
		w.owed -= inARow
		for range inARow {
			p.refuse()
		}
	}
	p.logIn()
	w.station.Remove()
	p.cardRemoved()
	w.menuShows("Aucune carte")
	p.close(i%2 == 1)
}

// refusals are those that the rounds still owe, with the card in.
func (w *world) refusals(n int) {
	w.t.Helper()
	w.station.Insert()
	p := w.open()
	for range n {
		p.refuse()
	}
	p.logIn()
	w.amends++
	w.station.Remove()
	p.cardRemoved()
	w.menuShows("Aucune carte")
	p.close(false)
	w.owed = 0
}

// restart has the module's process end twice: killed, after which a login starts another, and
// because the PC/SC service was restarted, after which the agent does. The menu's process is
// killed where it has run for so long that its end is no row of crashes.
func (w *world) restart(int) {
	w.t.Helper()
	p := w.open()
	before := w.module()
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	p.logIn()
	killed := w.module()
	if err := w.station.Stop(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.station.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.awaitModule(killed)
	if before == killed {
		w.t.Fatal("the module's process was not restarted")
	}
	p.close(false)
	if time.Since(w.menuBegun) > menuRestart {
		for pid, line := range Children(w.agent.PID()) {
			if strings.Contains(line, string(role.TrayMenu)) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				w.menus++
			}
		}
		w.menu = w.panel.Icon()
		w.menuBegun = time.Now()
	}
}

// awaitModule waits for another process of the module than that one, and for the card.
func (w *world) awaitModule(other int) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) { // a process's start is no event here
		if now := w.module(); now != 0 && now != other {
			w.menuShows("Carte prête : ")
			return
		}
	}
	w.t.Fatal("no other process of the module begins")
}

func (w *world) module() int { return w.named()["module"] }

// purge plays rounds until the portal has deleted its old rows, and compares its memory, of which
// SQLite has more then: as much of the database as it may hold.
func (w *world) purge(say func(string, ...any), a amounts) Row {
	w.t.Helper()
	measure := func() int {
		u, err := UseOf(w.portal.PID())
		if err != nil {
			w.t.Fatal(err)
		}
		return u.Kilobytes
	}
	row := Row{Of: "portal", What: "kB, purge", Start: measure(), Bound: heldByPortal + moreKilobytes}
	n := 0
	for begun := time.Now(); n < min(warmUp, a.rounds/4) || !w.purged(); n++ {
		w.round(n, 0)
		if time.Since(begun) > purgeLimit {
			w.t.Fatal("old rows remain in the portal's database")
		}
		if n%warmUp == 0 {
			say("%d rounds while the portal deletes %d old rows, for %s", n+1, a.rows, time.Since(begun).Round(time.Second))
		}
	}
	say("%d old rows of the portal's database are gone after %d rounds", a.rows, n)
	row.End = measure()
	return row
}

// idleParts are the parts of the idle time of which each is said what was used in it.
const idleParts = 10

// idle compares the processor time that agent, module and menu use while nothing happens, with
// the card in its reader. What the last login began ends before: a watch of the readers is
// compared with them for some seconds, and two minutes after the last collection of garbage
// there is one more (garbage.Rule).
func (w *world) idle(say func(string, ...any), a amounts) (rows []Row) {
	w.t.Helper()
	time.Sleep(a.idle / 2)
	say("idle for %s", a.idle)
	names := []string{"agent", "module", "menu"}
	pids := w.named()
	used := map[string][]time.Duration{}
	for i := range idleParts + 1 {
		if i > 0 {
			time.Sleep(a.idle / idleParts)
		}
		for _, name := range names {
			now, err := ProcessorTime(pids[name])
			if err != nil {
				w.t.Fatal(err)
			}
			used[name] = append(used[name], now)
		}
	}
	for _, name := range names {
		var parts []string
		for i := range idleParts {
			parts = append(parts, fmt.Sprintf("%.1f", (used[name][i+1]-used[name][i]).Seconds()*1000))
		}
		since := used[name][idleParts] - used[name][0]
		say("%s used %.1f ms: %s", name, since.Seconds()*1000, strings.Join(parts, " "))
		if a.idleTicks {
			rows = append(rows, Row{Of: name, What: "ticks in " + a.idle.String(), End: int(since / Tick)})
		}
	}
	return rows
}

// leaks has what is to be found leak.
func (w *world) leaks(what string, i int) {
	w.t.Helper()
	switch what {
	case "":
	case "page":
		if i%2 == 0 {
			p := w.open()
			w.t.Cleanup(func() { p.close(true) })
		}
	case "file":
		if err := os.WriteFile(filepath.Join(w.temp, fmt.Sprint("leaked", i)), nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
	default:
		w.t.Fatalf("nothing is known that leaks by %q", what)
	}
}
