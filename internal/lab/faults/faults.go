package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
)

// fault is one row of the table.
type fault struct {
	name  string
	setup setup
	// person is the script of the dialogs' answers; nil means as in a good login.
	person map[string]any
	// want are the right outcomes: more than one where the exact moment decides.
	want []string
	// tries is how many PIN tries a person makes at most, on the own card; another
	// card must see none.
	tries int
	play  func(w *world) string
}

var (
	idlePerson = map[string]any{"pin": []string{"hang"}, "confirm": []string{"hang"}}
	errGot     = errors.New("another outcome")
)

// verifyPIN shows a CPS3 its PIN, as another program does.
var verifyPIN = append([]byte{0x00, 0x20, 0x00, 0x01, byte(len(virtual.PIN))}, virtual.PIN...)

func at(state string, do func()) map[string]func() { return map[string]func(){state: do} }

func faults() []fault {
	list := []fault{
		{"card pulled while one is waited for", onReader, nil, []string{"ok", "card_removed"}, 1, func(w *world) string {
			w.station.Remove()
			defer w.station.Insert()
			return w.login(at(awaitingCard, func() { w.station.Insert(); w.station.Remove(); w.station.Insert() }))
		}},
		{"card pulled while choosing", onTwo, idlePerson, []string{"card_removed"}, 0, func(w *world) string {
			defer w.station.Insert()
			return w.login(at(choosing, w.station.Remove))
		}},
		{"card pulled in the PIN dialog", onReader, idlePerson, []string{"card_removed"}, 0, func(w *world) string {
			defer w.station.Insert()
			return w.login(at(awaitingPIN, w.station.Remove))
		}},
		{"card pulled while it signs", onReader, nil, []string{"card_removed"}, 1, func(w *world) string {
			w.station.SetDelay(20 * time.Millisecond)
			defer func() { w.station.SetDelay(0); w.station.Insert() }()
			return w.login(at(signing, w.station.Remove))
		}},
		{"card swapped in the PIN dialog", onReader, idlePerson, []string{"card_removed", "card_changed"}, 0, func(w *world) string {
			mine := w.station.Card()
			other, err := virtual.NewCard(w.pki.Intermediate, virtual.CardOptions{Holder: demopki.NewHolder("CPS", 2)})
			if err != nil {
				return err.Error()
			}
			got := w.login(at(awaitingPIN, func() { w.station.Put(other) }))
			if other.PIN().Tries() > 0 {
				got += ", and the other card saw the PIN"
			}
			w.station.Put(mine)
			return got
		}},
		{"card with the serial of another, from a stale cache", onCache, map[string]any{"pin": []string{virtual.PIN, virtual.PIN}, "confirm": []string{"ok"}}, []string{"module_failed stale_cache"}, 2, func(w *world) string {
			mine := w.station.Card()
			other, err := virtual.NewCard(w.pki.Intermediate, onCache.card)
			if err != nil {
				return err.Error()
			}
			w.station.Put(other)
			if got := w.detailed(); got != "module_failed stale_cache" {
				return got
			}
			got := w.detailed() // for good
			w.station.Put(mine)
			return got
		}},
		{"reader unplugged in the PIN dialog", onReader, idlePerson, []string{"card_removed"}, 0, func(w *world) string {
			defer func() { _ = w.station.Plug() }()
			return w.login(at(awaitingPIN, w.station.Unplug))
		}},
		{"reader unplugged while the card signs", onReader, nil, []string{"card_removed"}, 1, func(w *world) string {
			w.station.SetDelay(20 * time.Millisecond)
			defer func() { w.station.SetDelay(0); _ = w.station.Plug() }()
			return w.login(at(signing, w.station.Unplug))
		}},
		{"PC/SC service killed and restarted", onReader, idlePerson, []string{"card_removed"}, 0, func(w *world) string {
			got := w.login(at(awaitingPIN, func() { _ = w.station.Stop() }))
			if err := w.station.Start(); err != nil {
				return err.Error()
			}
			return got + w.seesCard()
		}},
		{"module's process killed while idle", onReader, nil, []string{"ok"}, 1, func(w *world) string {
			w.killModule()
			return w.login(nil)
		}},
		{"module's process killed in the PIN dialog", onReader, nil, []string{"ok"}, 1, func(w *world) string {
			return w.login(at(awaitingPIN, w.killModule))
		}},
		{"module's process killed while the card signs", onReader, nil, []string{"module_failed"}, 1, func(w *world) string {
			w.station.SetDelay(20 * time.Millisecond)
			defer w.station.SetDelay(0)
			return w.login(at(signing, w.killModule))
		}},
		{"agent killed in the PIN dialog", onReader, idlePerson, []string{"closed"}, 0, func(w *world) string { return w.killAgent(awaitingPIN) }},
		{"agent killed while the card signs", onReader, nil, []string{"closed"}, 1, func(w *world) string {
			w.station.SetDelay(20 * time.Millisecond)
			defer w.station.SetDelay(0)
			return w.killAgent(signing)
		}},
		{"PIN wrong, then given up", onReader, map[string]any{"pin": []string{"9999", "cancel"}}, []string{"pin_incorrect"}, 1, func(w *world) string { return w.login(nil) }},
		{"PIN locked", onReader, nil, []string{"pin_locked"}, 0, func(w *world) string {
			w.pin().SetTriesLeft(0)
			defer w.pin().SetTriesLeft(vcard.DefaultTries)
			return w.login(nil)
		}},
		{"card that another program has open", onVendor, nil, []string{"ok"}, 2, func(w *world) string {
			w.station.Reader().Transmit(verifyPIN)
			if !w.pin().Verified() {
				return "the card is not open"
			}
			// A reading that sees it, which must not shut the other program out.
			_ = w.stack.Command(w.ctx, "cpx-agent", "certs", "--config", w.stack.Path("agent.toml")).Run()
			if !w.pin().Verified() {
				return "a reading shut the other program out"
			}
			return w.detailed()
		}},
		{"card that another program opens in the PIN dialog", onVendor, nil, []string{"ok"}, 2, func(w *world) string {
			return w.login(at(awaitingPIN, func() { w.station.Reader().Transmit(verifyPIN) }))
		}},
		{"card locked for good, where the module says so of one in use", onVendor, nil, []string{"pin_locked"}, 0, func(w *world) string {
			w.pin().SetTriesLeft(0)
			defer w.pin().SetTriesLeft(vcard.DefaultTries)
			return w.detailed()
		}},
		{"badge in the reader", onVendor, idlePerson, []string{"card_unsupported"}, 0, func(w *world) string {
			w.station.InsertBadge()
			defer w.station.Insert()
			return w.detailed()
		}},
		{"PIN dialog cancelled", onReader, map[string]any{"pin": []string{"cancel"}}, []string{"cancelled"}, 0, func(w *world) string { return w.login(nil) }},
		{"dialog program killed", onReader, map[string]any{"pin": []string{"die"}}, []string{"prompt_failed"}, 0, func(w *world) string { return w.login(nil) }},
		{"cancelled on the reader's pad", onPINPad, idlePerson, []string{"cancelled"}, 0, func(w *world) string {
			reader := w.station.Reader()
			return w.login(at(awaitingPIN, func() { go reader.CancelPINPad(patience) }))
		}},
		{"nobody at the reader's pad", onPINPad, idlePerson, []string{"cancelled", "timeout"}, 0, func(w *world) string {
			reader := w.station.Reader()
			return w.login(at(awaitingPIN, func() { go reader.TimeOutPINPad(patience) }))
		}},
		{"page closed in the PIN dialog", onReader, idlePerson, []string{"closed"}, 0, func(w *world) string {
			p, err := w.page()
			if err != nil {
				return err.Error()
			}
			return p.authenticate(at(awaitingPIN, func() { _ = p.socket.Close() }))
		}},
		{"two pages at once", onReader, nil, []string{"ok, ok"}, 2, func(w *world) string {
			var got [2]string
			var both sync.WaitGroup
			for i := range got {
				both.Go(func() { got[i] = w.login(nil) })
			}
			both.Wait()
			return got[0] + ", " + got[1]
		}},
		{"machine asleep in the PIN dialog", onReader, nil, []string{"ok"}, 1, func(w *world) string {
			return w.login(at(awaitingPIN, func() {
				_ = w.agent.Signal(syscall.SIGSTOP)
				time.Sleep(200 * time.Millisecond) // the machine's sleep
				_ = w.agent.Signal(syscall.SIGCONT)
			}))
		}},
	}
	list = append(list, fault{"module hangs while it is opened, and is said to", inModule, nil, []string{"module_failed hanging"}, 0, func(w *world) string {
		if err := w.module.Fail("C_Initialize", "hang"); err != nil {
			return err.Error()
		}
		w.killModule()
		got := w.detailed()
		if err := w.module.Heal(); err != nil {
			return err.Error()
		}
		return got
	}})
	if os.Geteuid() == 0 { // only root may mount a disk; `make faults` of others is without this row
		list = append(list, fault{"disk full", onDisk, nil, []string{"ok"}, 2, (*world).onFullDisk})
	}
	list = append(list, objectFaults()...)
	list = append(list, odd("cannot lock", inModule, "C_Initialize", "nolock"), odd("ECDSA in DER", onCurve, "C_Sign", "der"),
		fault{"two keys with one CKA_ID", withCard("two-keys"), nil, []string{"ok"}, 0, func(w *world) string { return w.login(nil) }},
		fault{"key with another CKA_ID", withCard("other-id"), nil, []string{"ok"}, 0, func(w *world) string { return w.login(nil) }})
	for _, function := range faultmodule.Functions() {
		list = append(list, inCall("crash", function), inCall("hang", function))
	}
	return list
}

// inCall is the fault of a module that crashes or hangs in a call.
func inCall(how, function string) fault {
	want := []string{"module_failed"}
	switch function {
	case "C_Logout": // by then the signature is made
		want = []string{"ok"}
	case "C_Initialize", "C_GetInfo":
		want = append(want, "no_module")
	}
	return fault{"module: " + how + " in " + function, inModule, nil, want, 0, func(w *world) string {
		if err := w.module.Fail(function, how); err != nil {
			return err.Error()
		}
		if function == "C_Initialize" || function == "C_GetInfo" { // called at the start only
			w.killModule()
		}
		got := w.login(nil)
		if err := w.module.Heal(); err != nil {
			return err.Error()
		}
		return got
	}}
}

// odd is a module that does a call otherwise than most, and whose logins work.
func odd(name string, where setup, function, how string) fault {
	return fault{"module: " + name, where, nil, []string{"ok"}, 0, func(w *world) string {
		if err := w.module.Fail(function, how); err != nil {
			return err.Error()
		}
		if function == "C_Initialize" { // called at the start only
			w.killModule()
		}
		got := w.login(nil)
		if err := w.module.Heal(); err != nil {
			return err.Error()
		}
		return got
	}}
}

// killAgent kills the agent at a state and restarts it. The module's process must
// end by itself, and leave the card locked.
func (w *world) killAgent(state string) string {
	var modules []int
	got := w.login(at(state, func() {
		modules = w.children()
		_ = w.agent.Signal(syscall.SIGKILL)
	}))
	_ = w.agent.Wait()
	for end := time.Now().Add(patience); len(modules) > 0; {
		modules = slices.DeleteFunc(modules, func(pid int) bool { return syscall.Kill(pid, 0) != nil })
		if time.Now().After(end) {
			return got + ", and the module's process lives on"
		}
		time.Sleep(10 * time.Millisecond) // no event reports the end of a process that is not our child
	}
	if w.pin().Verified() {
		got += ", and the card is open"
	}
	if err := w.start(); err != nil {
		return err.Error()
	}
	return got
}

// onFullDisk logs in on a full disk and after it; doctor names the state, and the log
// goes on once there is room.
func (w *world) onFullDisk() string {
	if err := w.disk.Fill(); err != nil {
		return err.Error()
	}
	got := w.login(nil)
	if out, _ := w.stack.Command(w.ctx, "cpx-agent", "doctor", "--json").Output(); !bytes.Contains(out, []byte(`"log_full"`)) {
		got += ", and doctor does not name it"
	}
	if err := w.disk.Free(); err != nil {
		return err.Error()
	}
	if then := w.login(nil); then != "ok" {
		got += ", then " + then
	}
	text, err := os.ReadFile(w.stack.Path("state/cpx-bridge/agent.log"))
	if lines := bytes.Split(bytes.TrimSpace(text), []byte("\n")); err != nil || !bytes.HasPrefix(lines[len(lines)-1], []byte("time=")) {
		got += ", and the log does not go on"
	}
	return got
}

// seesCard waits until the agent reports the card again.
func (w *world) seesCard() string {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if p, err := w.page(); err == nil {
			card := p.status()
			_ = p.socket.Close()
			if card == "present" {
				return ""
			}
		}
	}
	return ", and the card is not seen again"
}

func (p *page) status() string {
	var m struct{ Result struct{ Card string } }
	if p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "status"}) != nil || p.socket.ReadJSON(&m) != nil {
		return "closed"
	}
	return m.Result.Card
}

// Row is one fault's result.
type Row struct {
	Fault               string
	Rounds, Right, Next int
	Tries, Made         int // PIN tries spent, and the most that a person made
	Notes               []string
}

// Good reports whether every round was right and cost no try that nobody made.
func (r Row) Good() bool { return r.Right == r.Rounds && r.Next == r.Rounds && r.Tries <= r.Made }

// Run plays the faults whose name contains only, in that many rounds each, and
// passes each row to done. Bin is the folder of the programs.
func Run(ctx context.Context, dir, bin, only string, rounds int, done func(Row)) error {
	worlds := map[string]*world{}
	var errs []error
	for _, f := range faults() {
		if !strings.Contains(f.name, only) {
			continue
		}
		w := worlds[f.setup.name]
		if w == nil {
			var err error
			if w, err = f.setup.open(ctx, dir, bin); err != nil {
				return fmt.Errorf("%s: %w", f.setup.name, err)
			}
			worlds[f.setup.name] = w
			defer func() { errs = append(errs, w.close()) }()
			// The first login waits for the end of the first reading.
			if err := w.recovered(); err != nil {
				return fmt.Errorf("%s: %w", f.setup.name, err)
			}
		}
		done(f.rounds(w, rounds))
	}
	return errors.Join(errs...)
}

func (f fault) rounds(w *world, n int) Row {
	r := Row{Fault: f.name, Rounds: n, Made: n * f.tries}
	person := f.person
	if person == nil {
		person = settle
	}
	for range n {
		before := w.pin().Tries()
		err := w.stack.Person(person)
		if err == nil {
			if got := f.play(w); slices.Contains(f.want, got) {
				r.Right++
			} else {
				err = fmt.Errorf("%w: %q, want %s", errGot, got, strings.Join(f.want, " or "))
			}
		}
		r.Tries += w.pin().Tries() - before
		if next := w.recovered(); next == nil {
			r.Next++
		} else {
			err = errors.Join(err, next)
		}
		if err != nil {
			r.Notes = append(r.Notes, err.Error())
		}
	}
	return r
}

// Table prints the rows, and what failed.
func Table(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fault\trounds\tright error\tnext login works\tPIN tries spent\t")
	for _, r := range rows {
		mark := ""
		if !r.Good() {
			mark = "FAIL"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d of %d made\t%s\n", r.Fault, r.Rounds, r.Right, r.Next, r.Tries, r.Made, mark)
	}
	err := t.Flush()
	for _, r := range rows {
		for _, note := range slices.Compact(r.Notes) {
			fmt.Fprintf(w, "%s: %s\n", r.Fault, note)
		}
	}
	return err
}
