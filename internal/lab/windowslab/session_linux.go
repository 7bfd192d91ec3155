package windowslab

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// windowClass is that of the agent's window that hears of the desktop session
// (agent/desktop).
const windowClass = "CPxBridgeDesktop"

// Messages of Windows (winuser.h, wtsapi32.h), which nothing of wine sends.
const (
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
		ends("the machine sleeps", wmPowerBroadcast, 4),
		{Name: "the desktop session ends, and the agent with it", settings: allowed, want: []string{"gone"}, play: func(w *World) string {
			w.message(wmEndSession, 1)
			if !w.gone() {
				return fmt.Sprintf("%d runs on", w.processes())
			}
			return "gone"
		}},
	}
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
