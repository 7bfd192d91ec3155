package windowslab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// windowClass is that of the agent's window that hears of the desktop session
// (agent/desktop).
const windowClass = "CPxBridgeDesktop"

// Messages of Windows (winuser.h, wtsapi32.h), which nothing of wine sends.
const (
	wmClose          = 0x10
	wmQueryEnd       = 0x11
	wmEndSession     = 0x16
	wmPowerBroadcast = 0x218
	wmSessionChange  = 0x2b1
)

// rememberedPIN is a machine's policy with a card that stays open.
var rememberedPIN = []string{key("pin", `"session"="10m"`), key("origins"), key(`origins\allow`, `"1"="`+Site+`"`)}

// sessions are the rows about the desktop session: each message is sent to the window of
// the running agent.
func sessions() []Row {
	ends := func(name string, message, parameter int) Row {
		return Row{Name: "pin.session ends: " + name, policy: rememberedPIN, settings: debug, want: []string{"PIN ok, consent ok, PIN ok"}, tries: 2, play: func(w *World) string {
			first, second := w.asked(), w.asked()
			w.message(message, parameter)
			return strings.Join([]string{first, second, w.asked()}, ", ")
		}}
	}
	return []Row{
		ends("the session is locked", wmSessionChange, 7),
		ends("the remote desktop is disconnected", wmSessionChange, 4),
		ends("another person is switched to", wmSessionChange, 2),
		ends("the session is watched from elsewhere", wmSessionChange, 9),
		ends("logged off", wmSessionChange, 6),
		ends("the machine sleeps", wmPowerBroadcast, 4),
		readAnew("the session is unlocked", wmSessionChange, 8, "event=back", false),
		readAnew("at the console again", wmSessionChange, 1, "event=resumed", true),
		readAnew("the remote desktop is connected", wmSessionChange, 3, "event=resumed", true),
		readAnew("the machine woke up", wmPowerBroadcast, 0x12, "event=resumed", true),
		readAnew("somebody is there after a sleep", wmPowerBroadcast, 7, "event=resumed", true),
		{Name: "another card came while the service was away: the one of before is not shown", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: (*World).otherCard},
		{Name: "the end of the session is asked about, and another program refuses it", card: cps3, settings: allowed, want: []string{"ok"}, tries: 1, play: func(w *World) string {
			w.message(wmQueryEnd, 0)
			w.message(wmEndSession, 0)
			return w.login(byOurs, at(awaitingPIN, w.types(virtual.PIN)))
		}},
		{Name: "the session ends while the PIN is asked for", card: cps3, settings: allowed, want: []string{"closed, gone"}, play: func(w *World) string {
			got := w.login(byOurs, at(awaitingPIN, func() { w.dialog(); w.message(wmEndSession, 1) }))
			if !w.gone() {
				return fmt.Sprintf("%s, %d runs on", got, w.processes())
			}
			return got + ", gone" + w.unless(!w.station.Card().PIN().Verified(), "and the card is open")
		}},
		{Name: "taskkill without /F ends it", settings: allowed, want: []string{"gone"}, play: func(w *World) string {
			w.message(wmClose, 0)
			if !w.gone() {
				return fmt.Sprintf("%d runs on", w.processes())
			}
			return "gone"
		}},
		{Name: "the desktop session ends, and the agent with it", settings: allowed, want: []string{"gone"}, play: func(w *World) string {
			w.message(wmEndSession, 1)
			if !w.gone() {
				return fmt.Sprintf("%d runs on", w.processes())
			}
			return "gone"
		}},
	}
}

// readAnew is a row of a message after which the cards are read anew, and where the readers may
// be another session's with modules that were started anew; then a login goes on as ever.
func readAnew(name string, message, parameter int, event string, reopened bool) Row {
	return Row{Name: "cards are read anew: " + name, card: cps3, settings: allowed, want: []string{"ok, ok"}, tries: 2, play: func(w *World) string {
		before := w.login(byOurs, at(awaitingPIN, w.types(virtual.PIN))) // the card has been read then
		modules, asked := w.modules(), w.station.APDUs()
		w.message(message, parameter)
		if !w.hears(event) {
			return "nothing happens"
		}
		for end := time.Now().Add(patience); w.station.APDUs() == asked || reopened && slices.Equal(w.modules(), modules); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Sprintf("%d commands to the card, modules %v, before %v", w.station.APDUs()-asked, w.modules(), modules)
			}
		}
		return before + ", " + w.login(byOurs, at(awaitingPIN, w.types(virtual.PIN))) +
			w.unless(reopened || slices.Equal(w.modules(), modules), "the modules were started anew for nothing")
	}}
}

// otherCard has the service for readers go, with a reader, and come back with another card in
// the reader.
func (w *World) otherCard() string {
	before := w.usable()
	if err := w.station.Stop(); err != nil {
		return err.Error()
	}
	if !w.hears("no PC/SC service") {
		return "nobody notices that the service went"
	}
	without := w.usable()
	w.station.Put(w.newCard(cps3))
	if err := w.station.Start(); err != nil {
		return err.Error()
	}
	after := ""
	for end := time.Now().Add(patience); after == "" && time.Now().Before(end); {
		after = w.usable()
	}
	return w.login(byOurs, at(awaitingPIN, w.types(virtual.PIN))) +
		w.unless(before != "" && without == "" && after != "" && after != before, fmt.Sprintf("shown were %.8q, %.8q, %.8q", before, without, after))
}

// usable is the certificate that the running agent shows as usable, "" where it shows none.
func (w *World) usable() string {
	w.t.Helper()
	text, _ := w.command("certs", "--json", "--config", configPath)
	if i := strings.Index(text, "{\n"); i > 0 {
		text = text[i:] // what it says beside that
	}
	var shown state.Cards
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		w.t.Errorf("%v in %q", err, text)
	}
	for _, c := range shown.Certificates {
		if c.Usable {
			return c.ID
		}
	}
	return ""
}

// asked is a login, with what the person was asked for before.
func (w *World) asked() string {
	w.t.Helper()
	what := "nothing"
	got := w.login(byOurs, map[string]func(){
		awaitingPIN:     func() { what = "PIN"; w.types(virtual.PIN)() },
		awaitingConsent: func() { what = "consent"; w.presses("Tab", "Return") },
	})
	return what + " " + got
}

func (w *World) message(number, parameter int) {
	w.t.Helper()
	out, err := w.windows.Command(clientProgram, "-message", windowClass, strconv.Itoa(number), strconv.Itoa(parameter)).CombinedOutput()
	if err != nil {
		w.t.Errorf("message %#x: %v\n%s", number, err, out)
	}
}
