package windowslab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// Row is one row of the table.
type Row struct {
	Name     string
	card     virtual.CardOptions
	locked   bool     // whether it is when the agent starts
	settings string   // of the person
	policy   []string // the machine's, nil for none: see key
	want     []string // the right outcomes: more than one where the exact moment decides
	tries    int      // how many PIN tries a person makes at most
	on32     bool     // whether it is played for 32 bits, too
	play     func(w *World) string
}

// Settings of the rows.
const (
	debug     = "lang = \"fr\"\nnotifications = false\n[log]\nlevel = \"debug\"\n"
	allowed   = debug + "[origins]\nallow = [\"" + Site + "\"]\n"
	listed    = debug + "[origins]\nmode = \"listed\"\nallow = [\"" + Site + "\"]\n"
	encrypted = allowed + "[wss]\nenabled = true\n"
	asking    = debug + "[origins]\nmode = \"ask\"\n"
)

var (
	cps3   = virtual.CardOptions{}
	piv256 = virtual.CardOptions{Type: virtual.PIVP256}
)

func at(state string, do func()) map[string]func() { return map[string]func(){state: do} }

// work is how long the card takes for each command where something happens meanwhile.
const work = 20 * time.Millisecond

// Rows are all rows, in the order of the table.
func Rows() []Row {
	return slices.Concat(logins(), faults(), others(), closed(), settings(), []Row{securityEvents()}, sessions())
}

// Rows32 are those for 32 bits.
func Rows32() []Row {
	list := slices.DeleteFunc(Rows(), func(r Row) bool { return !r.on32 })
	for i := range list {
		list[i].Name = "32 bits: " + list[i].Name
	}
	return list
}

// logins are the rows about logins, as people have them.
func logins() []Row {
	pin := func(w *World, c client, pins ...string) string {
		p := w.open(c, Site)
		return strings.TrimSpace(p.end(at(awaitingPIN, w.types(pins...))) + " " + p.algorithm)
	}
	return []Row{
		{Name: "RSA on CPS3, by Node", on32: true, card: cps3, settings: allowed, want: []string{"ok RS256"}, tries: 1, play: func(w *World) string { return pin(w, byNode, virtual.PIN) }},
		{Name: "RSA on CPS3, by our client", card: cps3, settings: allowed, want: []string{"ok RS256"}, tries: 1, play: func(w *World) string { return pin(w, byOurs, virtual.PIN) }},
		{Name: "RSA on CPS3, over IPv6", card: cps3, settings: allowed, want: []string{"ok RS256"}, tries: 1, play: func(w *World) string { return pin(w, byOursIPv6, virtual.PIN) }},
		{Name: "P-256 on PIV, by Node", on32: true, card: piv256, settings: allowed, want: []string{"ok ES256"}, tries: 1, play: func(w *World) string { return pin(w, byNode, virtual.PIN) }},
		{Name: "site that asks: consent, then the PIN", card: cps3, settings: asking, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			return w.login(byNode, map[string]func(){
				awaitingConsent: func() { w.presses("Tab", "Return") },
				awaitingPIN:     w.types(virtual.PIN),
			})
		}},
		{Name: "consent refused by Enter alone", card: cps3, settings: asking, want: []string{"consent_denied"}, tries: 0, play: func(w *World) string {
			return w.login(byNode, at(awaitingConsent, func() { w.presses("Return") }))
		}},
		{Name: "wrong PIN, then the right one", card: cps3, settings: allowed, want: []string{"ok RS256"}, tries: 2, play: func(w *World) string { return pin(w, byNode, "9999", virtual.PIN) }},
		{Name: "wrong PIN, then given up", card: cps3, settings: allowed, want: []string{"pin_incorrect"}, tries: 1, play: func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() { w.types("9999")(); w.presses("Escape") }))
		}},
		{Name: "PIN dialog cancelled", card: cps3, settings: allowed, want: []string{"cancelled"}, tries: 0, play: func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() { w.presses("Escape") }))
		}},
		{Name: "locked card: no PIN is asked for", card: cps3, locked: true, settings: allowed, want: []string{"pin_locked"}, tries: 0, play: func(w *World) string {
			mark := w.agent.log.count()
			return w.login(byNode, nil) + w.unless(w.noDialog(mark), "a dialog opened")
		}},
		{Name: "over wss, with the local certificate", card: cps3, settings: encrypted, want: []string{"ok RS256"}, tries: 1, play: func(w *World) string {
			if text, status := w.command("wss", "install", "--config", configPath); status != 0 {
				return text
			}
			got := pin(w, byWSS, virtual.PIN)
			if text, status := w.command("wss", "remove", "--config", configPath); status != 0 {
				return got + ", then " + text
			}
			return got
		}},
		{Name: "two pages at once", card: cps3, settings: allowed, want: []string{"ok, ok"}, tries: 2, play: (*World).twoPages},
		{Name: "site that is not listed: 403", card: cps3, settings: listed, want: []string{"refused 403"}, tries: 0, play: func(w *World) string {
			return w.open(byOurs, "https://autre.example.fr").end(nil) + w.unless(w.hears("origin_not_listed"), "the log does not say why")
		}},
	}
}

// faults are the rows about what goes wrong in between.
func faults() []Row {
	return []Row{
		{Name: "card pulled while the PIN is asked for", card: cps3, settings: allowed, want: []string{"card_removed"}, tries: 0, play: func(w *World) string {
			defer w.station.Insert()
			return w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.station.Remove() })) + w.closed()
		}},
		{Name: "card pulled while it signs", on32: true, card: cps3, settings: allowed, want: []string{"card_removed"}, tries: 1, play: func(w *World) string {
			defer func() { w.station.SetDelay(0); w.station.Insert() }()
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.station.Remove})
		}},
		{Name: "reader unplugged while the PIN is asked for", card: cps3, settings: allowed, want: []string{"card_removed"}, tries: 0, play: func(w *World) string {
			defer w.plug()
			return w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.station.Unplug() })) + w.closed()
		}},
		{Name: "reader unplugged while the card signs", card: cps3, settings: allowed, want: []string{"card_removed"}, tries: 1, play: func(w *World) string {
			defer func() { w.station.SetDelay(0); w.plug() }()
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.station.Unplug})
		}},
		{Name: "card put in when it is asked for", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			w.station.Remove()
			return w.login(byNode, map[string]func(){awaitingCard: w.station.Insert, awaitingPIN: w.types(virtual.PIN)})
		}},
		{Name: "PC/SC stops while the PIN is asked for", card: cps3, settings: allowed, want: []string{"card_removed"}, tries: 0, play: func(w *World) string {
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
		{Name: "module's process killed while idle", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			if !w.moduleRuns() {
				return "no module's process"
			}
			w.killModules()
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{Name: "module's process killed while the PIN is asked for", on32: true, card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			return w.login(byNode, at(awaitingPIN, func() {
				w.dialog()
				w.killModules()
				w.screen.Do("key", "1", "2", "3", "4", "Return")
			}))
		}},
		{Name: "module's process killed while the card signs", card: cps3, settings: allowed, want: []string{"module_failed"}, tries: 1, play: func(w *World) string {
			defer w.station.SetDelay(0)
			return w.login(byNode, map[string]func(){awaitingPIN: w.slowly(virtual.PIN), signing: w.killModules})
		}},
		{Name: "agent killed while the PIN is asked for", card: cps3, settings: allowed, want: []string{"closed"}, tries: 0, play: func(w *World) string {
			got := w.login(byNode, at(awaitingPIN, func() { w.dialog(); w.killAgent() }))
			if w.station.Card().PIN().Verified() {
				got += ", and the card is open"
			}
			if err := w.start(); err != nil { // on the same port, and no lock of the dead one's
				return err.Error()
			}
			return got
		}},
		{Name: "client gone while the PIN is asked for", card: cps3, settings: allowed, want: []string{"client gone"}, tries: 0, play: func(w *World) string {
			p := w.open(byOurs, Site)
			return p.end(at(awaitingPIN, func() { w.dialog(); w.killClient() })) + w.closed()
		}},
	}
}

// others are the rows about who else is there.
func others() []Row {
	return []Row{
		{Name: "a Linux process is refused", card: cps3, settings: allowed, want: []string{"refused"}, tries: 0, play: func(w *World) string {
			return w.login(byLinux, nil) + w.unless(w.hears("connection refused"), "the log does not say it")
		}},
		{Name: "a client of another Windows is refused", card: cps3, settings: allowed, want: []string{"refused"}, tries: 0, play: func(w *World) string {
			return w.login(byOther, nil) + w.unless(w.hears("connection refused"), "the log does not say it")
		}},
		{Name: "quit ends it, and a new start serves", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: (*World).quits},
		{Name: "second start shows the first's state", on32: true, card: cps3, settings: allowed, want: []string{"status 0"}, tries: 0, play: func(w *World) string {
			text, status := w.command("run", "--no-tray", "--config", configPath)
			return fmt.Sprint("status ", status) + w.unless(strings.Contains(text, virtual.ReaderName), "it printed "+text) +
				w.unless(len(w.processes("run")) == 1, "two agents run")
		}},
		{Name: "hundreds of connections that close at once", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			p := &page{w: w, printed: newOutput()}
			p.cmd = w.windows.Command(clientProgram, "-hundreds", "400", agentPort)
			p.cmd.Stdout = p.printed
			if err := p.cmd.Run(); err != nil {
				return err.Error()
			}
			made := p.printed.tail(1)
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN))) + w.unless(strings.Contains(made, `"connections":400`), made)
		}},
		{Name: "certs, doctor and version, in French and English", on32: true, card: cps3, settings: allowed, want: []string{"ok"}, tries: 0, play: (*World).commands},
	}
}

// settingChanged is said of each setting that changes while the agent runs.
const settingChanged = "msg=\"setting changed\""

// settings are the rows about the machine's policy in the registry.
func settings() []Row {
	listing := []string{key("origins", `"mode"="listed"`), key(`origins\allow`, `"1"="`+Site+`"`)}
	return []Row{
		{Name: "registry: a listed site logs in", settings: debug, policy: listing, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{Name: "registry: another site gets 403", settings: debug, policy: listing, want: []string{"refused 403"}, play: func(w *World) string {
			return w.open(byOurs, "https://autre.example.fr").end(nil)
		}},
		{Name: "registry: a site is added while the agent runs", settings: debug, policy: listing, want: []string{"refused 403, then ok"}, tries: 1, play: func(w *World) string {
			const added = "https://autre.example.fr"
			before := w.open(byOurs, added).end(nil)
			w.setPolicy(key(`origins\allow`, `"2"="`+added+`"`))
			if !w.hears(settingChanged) {
				return "the log does not say that the policy changed"
			}
			return before + ", then " + w.open(byOurs, added).end(at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{Name: "registry: a site is blocked while its PIN is asked for", settings: debug, policy: listing, want: []string{"ok, then refused 403"}, tries: 1, play: func(w *World) string {
			got := w.login(byNode, at(awaitingPIN, func() {
				w.dialog()
				w.setPolicy(key(`origins\block`, `"1"="`+Site+`"`))
				if !w.hears(settingChanged) {
					w.t.Error("the log does not say that the policy changed")
				}
				w.screen.Do("key", "1", "2", "3", "4", "Return")
			}))
			return got + ", then " + w.login(byOurs, nil) // what runs ends under what it began with
		}},
		{Name: "registry: the policy is removed while the agent runs", settings: debug, policy: listing, want: []string{"refused 403, then ok"}, tries: 1, play: func(w *World) string {
			const other = "https://autre.example.fr"
			before := w.open(byOurs, other).end(nil)
			w.dropPolicy()
			if !w.hears(settingChanged) {
				return "the log does not say that the policy changed"
			}
			return before + ", then " + w.open(byOurs, other).end(map[string]func(){
				awaitingConsent: func() { w.presses("Tab", "Return") }, awaitingPIN: w.types(virtual.PIN),
			})
		}},
		{Name: "registry: a bad value while the agent runs leaves what was", settings: debug, policy: listing, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			w.setPolicy(key("origins", `"mode"="open"`))
			if !w.hears("those from before stay in force") {
				return "the log does not say it"
			}
			return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{Name: "registry: a value of another type ends the start, by its name", settings: debug, want: []string{"status 2"}, play: func(w *World) string {
			w.killAgent()
			w.setPolicy(key("ports", `"count"="10"`))
			text, status := w.command("run", "--no-tray")
			return fmt.Sprint("status ", status) + w.unless(strings.Contains(text, `HKLM\SOFTWARE\Policies\CPxBridge\ports\count`), "it said "+text)
		}},
	}
}

// securityEvents is the row about what is reported to the event log, which wine prints.
func securityEvents() Row {
	policy := []string{key("origins", `"mode"="listed"`), key(`origins\allow`, `"1"="`+Site+`"`), key("log", `"events"=dword:00000001`)}
	return Row{Name: "security events: reported while the policy asks for them", card: piv256, settings: debug, policy: policy, want: []string{"refused 403"}, play: func(w *World) string {
		from := w.agent.log
		if _, _, said := from.next(0, patience, func(line string) bool { return strings.Contains(line, "[events_on version="+version) }); !said {
			return "no event says that they come"
		}
		got := w.open(byOurs, "https://autre.example.fr").end(nil)
		if !w.hears("[page_refused reason=origin_not_listed]") {
			return got + ", and no event says so"
		}
		w.setPolicy(key("log", `"events"=dword:00000000`))
		if !w.hears("[events_off]") {
			return got + ", and no event says that no more come"
		}
		for _, line := range from.since(0) {
			if strings.Contains(line, ":eventlog:") && strings.Contains(line, "autre") {
				return got + ", with its site in " + line
			}
		}
		return got
	}}
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

// quits ends the agent by its command: its process has ended when the command has, and
// the port is free.
func (w *World) quits() string {
	text, status := w.command("quit")
	if status != 0 {
		return text
	}
	if running := w.processes("run"); len(running) > 0 {
		return fmt.Sprintf("%d runs on", running)
	}
	if err := w.start(); err != nil {
		return err.Error()
	}
	return w.login(byNode, at(awaitingPIN, w.types(virtual.PIN)))
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

// Play plays the rows, each as a test of its own.
func (w *World) Play(t *testing.T, rows []Row) {
	for _, r := range rows {
		t.Run(r.Name, func(t *testing.T) {
			w.t, w.screen.T = t, t
			defer func() {
				if t.Failed() && w.agent != nil {
					t.Logf("the agent's log:\n%s", w.agent.log.tail(40))
				}
				w.t, w.screen.T = t, t
			}()
			card := w.newCard(r.card)
			if r.locked {
				card.PIN().SetTriesLeft(0)
			}
			w.reset(card, r.settings, r.policy)
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
