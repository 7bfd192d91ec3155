package windowslab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// Row is one row of the table.
type Row struct {
	Name     string
	card     virtual.CardOptions
	settings string   // "" for allowed
	want     []string // the right outcomes: more than one where the exact moment decides
	tries    int      // how many PIN tries a person makes at most
	play     func(w *World) string
}

// Settings of the rows.
const (
	debug   = "lang = \"fr\"\nnotifications = false\n[log]\nlevel = \"debug\"\n"
	allowed = debug + "[origins]\nallow = [\"" + Site + "\"]\n"
	listed  = debug + "[origins]\nmode = \"listed\"\nallow = [\"" + Site + "\"]\n"
	asking  = debug + "[origins]\nmode = \"ask\"\n"
)

var (
	cps3   = virtual.CardOptions{}
	piv256 = virtual.CardOptions{Type: virtual.PIVP256}
)

func at(state string, do func()) map[string]func() { return map[string]func(){state: do} }

// work is how long the card takes for each command where something happens meanwhile.
const work = 20 * time.Millisecond

// Rows are all rows, in the order of the table.
func Rows() []Row { return slices.Concat(logins(), faults(), others()) }

// logins are the rows about logins, as people have them.
func logins() []Row {
	pin := func(w *World, c client, pins ...string) string { return w.login(c, at(awaitingPIN, w.types(pins...))) }
	return []Row{
		{"RSA on CPS3, by Node", cps3, allowed, []string{"ok"}, 1, func(w *World) string { return pin(w, byNode, virtual.PIN) }},
		{"RSA on CPS3, by our client", cps3, allowed, []string{"ok"}, 1, func(w *World) string { return pin(w, byOurs, virtual.PIN) }},
		{"RSA on CPS3, over IPv6", cps3, allowed, []string{"ok"}, 1, func(w *World) string { return pin(w, byOursIPv6, virtual.PIN) }},
		{"P-256 on PIV, by Node", piv256, allowed, []string{"ok"}, 1, func(w *World) string { return pin(w, byNode, virtual.PIN) }},
		{"site that asks: consent, then the PIN", cps3, asking, []string{"ok"}, 1, func(w *World) string {
			return w.login(byNode, map[string]func(){
				awaitingConsent: func() { w.presses("Tab", "Return") },
				awaitingPIN:     w.types(virtual.PIN),
			})
		}},
		{"consent refused by Enter alone", cps3, asking, []string{"consent_denied"}, 0, func(w *World) string {
			return w.login(byNode, at(awaitingConsent, func() { w.presses("Return") }))
		}},
		{"wrong PIN, then the right one", cps3, allowed, []string{"ok"}, 2, func(w *World) string { return pin(w, byNode, "9999", virtual.PIN) }},
		{"wrong PIN, then given up", cps3, allowed, []string{"pin_incorrect"}, 1, func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() { w.types("9999")(); w.presses("Escape") }))
		}},
		{"PIN dialog cancelled", cps3, allowed, []string{"cancelled"}, 0, func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() { w.presses("Escape") }))
		}},
		{"locked card: no PIN is asked for", cps3, allowed, []string{"pin_locked"}, 0, func(w *World) string {
			w.station.Card().PIN().SetTriesLeft(0)
			defer w.station.Card().PIN().SetTriesLeft(vcard.DefaultTries)
			mark := w.agent.log.count()
			return w.login(byNode, nil) + w.unless(w.noDialog(mark), "a dialog opened")
		}},
		{"two pages at once", cps3, allowed, []string{"ok, ok"}, 2, (*World).twoPages},
		{"site that is not listed: 403", cps3, listed, []string{"refused 403"}, 0, func(w *World) string {
			return w.open(byOurs, "https://autre.example.fr").end(nil) + w.unless(w.hears("origin_not_listed"), "the log does not say why")
		}},
	}
}

// faults are the rows about what goes wrong in between.
func faults() []Row {
	return []Row{
		{"card pulled while the PIN is asked for", cps3, allowed, []string{"card_removed"}, 0, func(w *World) string {
			defer w.station.Insert()
			return w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.station.Remove() })) + w.closed()
		}},
		{"card pulled while it signs", cps3, allowed, []string{"card_removed"}, 1, func(w *World) string {
			defer func() { w.station.SetDelay(0); w.station.Insert() }()
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.station.Remove})
		}},
		{"reader unplugged while the PIN is asked for", cps3, allowed, []string{"card_removed"}, 0, func(w *World) string {
			defer w.plug()
			return w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.station.Unplug() })) + w.closed()
		}},
		{"reader unplugged while the card signs", cps3, allowed, []string{"card_removed"}, 1, func(w *World) string {
			defer func() { w.station.SetDelay(0); w.plug() }()
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.station.Unplug})
		}},
		{"card put in when it is asked for", cps3, allowed, []string{"ok"}, 1, func(w *World) string {
			w.station.Remove()
			return w.login(byNode, map[string]func(){awaitingCard: w.station.Insert, awaitingPIN: w.types(virtual.PIN)})
		}},
		{"PC/SC stops while the PIN is asked for", cps3, allowed, []string{"card_removed"}, 0, func(w *World) string {
			defer func() {
				if err := w.station.Start(); err != nil {
					w.t.Error(err)
				}
			}()
			return w.login(byNode, at(awaitingPIN, func() {
				w.dialog()
				if err := w.station.Stop(); err != nil {
					w.t.Error(err)
				}
			})) + w.closed()
		}},
		{"module's process killed while idle", cps3, allowed, []string{"ok"}, 1, func(w *World) string {
			w.killModules()
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{"module's process killed while the PIN is asked for", cps3, allowed, []string{"ok"}, 1, func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() {
				w.dialog()
				w.killModules()
				w.screen.Do("key", "1", "2", "3", "4", "Return")
			}))
		}},
		{"module's process killed while the card signs", cps3, allowed, []string{"module_failed"}, 1, func(w *World) string {
			defer w.station.SetDelay(0)
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.killModules})
		}},
		{"agent killed while the PIN is asked for", cps3, allowed, []string{"closed"}, 0, func(w *World) string {
			got := w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.killAgent() }))
			if w.station.Card().PIN().Verified() {
				got += ", and the card is open"
			}
			if err := w.start(); err != nil { // on the same port, and no lock of the dead one's
				return err.Error()
			}
			return got
		}},
		{"client gone while the PIN is asked for", cps3, allowed, []string{"client gone"}, 0, func(w *World) string {
			p := w.open(byOurs, Site)
			return p.end(at(awaitingPIN, func() { w.dialog(); w.killClient() })) + w.closed()
		}},
	}
}

// others are the rows about who else is there.
func others() []Row {
	return []Row{
		{"a Linux process is refused", cps3, allowed, []string{"refused"}, 0, func(w *World) string {
			return w.login(byLinux, nil) + w.unless(w.hears("connection refused"), "the log does not say it")
		}},
		{"second start shows the first's state", cps3, allowed, []string{"status 0"}, 0, func(w *World) string {
			text, status := w.command("run", "--no-tray", "--config", `C:\cpx\config.toml`)
			return fmt.Sprint("status ", status) + w.unless(strings.Contains(text, virtual.ReaderName), "it printed "+text) +
				w.unless(len(w.processes("run")) == 1, "two agents run")
		}},
		{"hundreds of connections that close at once", cps3, allowed, []string{"ok"}, 1, func(w *World) string {
			p := &page{w: w, printed: newOutput()}
			p.cmd = w.windows.Command(clientProgram, "-hundreds", "400", agentPort)
			p.cmd.Stdout = p.printed
			if err := p.cmd.Run(); err != nil {
				return err.Error()
			}
			made := p.printed.tail(1)
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN))) + w.unless(strings.Contains(made, `"connections":400`), made)
		}},
		{"certs, doctor and version, in French and English", cps3, allowed, []string{"ok"}, 0, (*World).commands},
	}
}

// unless is "" where it is so, else what is wrong, after a comma.
func (w *World) unless(so bool, wrong string) string {
	if so {
		return ""
	}
	return ", " + wrong
}

// closed reports a dialog that stands on.
func (w *World) closed() string {
	w.t.Helper()
	w.screen.Gone(dialogTitle)
	return ""
}

// slowly types a PIN, for a card that takes its time from then on.
func (w *World) slowly(pin string) func() {
	return func() {
		w.station.SetDelay(work)
		w.types(pin)()
	}
}

func (w *World) plug() {
	w.t.Helper()
	if err := w.station.Plug(); err != nil {
		w.t.Error(err)
	}
}

// twoPages lets two clients ask at once: one is served after the other.
func (w *World) twoPages() string {
	first, second := w.open(byNode, Site), w.open(byOurs, Site)
	results := make(chan string, 2)
	for _, p := range []*page{first, second} {
		go func() { results <- p.end(nil) }()
	}
	w.types(virtual.PIN, virtual.PIN)()
	return <-results + ", " + <-results
}

// commands are those that print: what they say of this workstation.
func (w *World) commands() string {
	var wrong []string
	for _, c := range []struct{ lang, command, want string }{
		{"fr", "certs", "CAMILLE TEST-CPS0001"}, {"fr", "certs", "utilisable"}, {"en", "certs", "usable"},
		{"fr", "doctor", "une carte est présente"}, {"en", "doctor", "a card is in it"},
		{"fr", "version", "cpx-agent " + version}, {"en", "version", "cpx-agent " + version},
	} {
		config := strings.Replace(allowed, `lang = "fr"`, `lang = "`+c.lang+`"`, 1)
		if err := write(w.windows.Path("cpx/"+c.lang+".toml"), []byte(config)); err != nil {
			return err.Error()
		}
		args := []string{c.command}
		if c.command != "version" {
			args = append(args, "--config", `C:\cpx\`+c.lang+`.toml`)
		}
		if text, _ := w.command(args...); !strings.Contains(text, c.want) {
			wrong = append(wrong, fmt.Sprintf("%s in %s: no %q in %q", c.command, c.lang, c.want, text))
		}
	}
	if len(wrong) > 0 {
		return strings.Join(wrong, "; ")
	}
	return "ok"
}

// Play plays the rows whose names contain only, each as a test of its own.
func (w *World) Play(t *testing.T, rows []Row, only string) {
	for _, r := range rows {
		if !strings.Contains(r.Name, only) {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			w.t, w.screen.T = t, t
			defer func() {
				if t.Failed() && w.agent != nil {
					t.Logf("the agent's log:\n%s", w.agent.log.tail(40))
				}
				w.t, w.screen.T = t, t
			}()
			w.reset(w.newCard(r.card), r.settings)
			if err := w.start(); err != nil {
				t.Fatal(err)
			}
			before := w.station.Card().PIN().Tries()
			if got := r.play(w); !slices.Contains(r.want, got) {
				t.Errorf("got %q, want %s", got, strings.Join(r.want, " or "))
			}
			if tries := w.station.Card().PIN().Tries() - before; tries > r.tries {
				t.Errorf("%d PIN tries, of which a person made %d", tries, r.tries)
			}
		})
	}
}
