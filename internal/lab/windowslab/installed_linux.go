package windowslab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// What an installed program's agent keeps for the person, and the person's settings.
const (
	stateFolder  = "users/root/AppData/Local/CPxBridge"
	configFolder = "users/root/AppData/Roaming/CPxBridge"
)

// For has what follows belong to a test, such as one within the world's.
func (w *World) For(t *testing.T) { w.t, w.screen.T = t, t }

// known has variables be those of the person, too, which Windows gives to whatever it starts in
// that person's name: an agent that an installer starts has no others.
func (w *World) known(variables []string) {
	w.t.Helper()
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		w.regedit("add", `HKCU\Environment`, "/v", name, "/d", value, "/f")
	}
}

// Serves has an installed program's agent started, by whatever starts it, and returns once
// it serves. The person's settings have it say more in its log, which is read in the place
// of what it prints: as it is installed nobody sees that.
func (w *World) Serves(start func() error) error {
	w.t.Helper()
	if err := write(w.windows.Path(configFolder+"/config.toml"), []byte("notifications = false\n[log]\nlevel = \"debug\"\n")); err != nil {
		return err
	}
	path := w.windows.Path(stateFolder + "/agent.log")
	var before int64
	if info, err := os.Stat(path); err == nil {
		before = info.Size()
	}
	if err := start(); err != nil {
		return err
	}
	file, err := appears(path)
	if err != nil {
		return err
	}
	if _, err := file.Seek(before, io.SeekStart); err != nil {
		return err
	}
	a := &agent{log: newOutput(), ended: make(chan struct{})}
	go func() { a.log.follow(file, a.ended); _ = file.Close() }()
	_, after, ok := a.log.next(0, patience, func(line string) bool { return strings.Contains(line, listening) })
	if !ok {
		close(a.ended)
		return fmt.Errorf("the installed agent does not serve:\n%s", a.log.tail(20))
	}
	go w.endsWith(a.ended)
	w.agent, w.heard = a, after
	return w.firstClient()
}

// appears opens a file once it is there.
func appears(path string) (*os.File, error) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		file, err := os.Open(path)
		if err == nil || !errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			return file, err
		}
	}
}

// endsWith closes ended once no process of the program is there, as one that its supervisor
// starts anew would be.
func (w *World) endsWith(ended chan<- struct{}) {
	defer close(ended)
	for running := w.processes(); len(running) > 0; running = w.processes() {
		for _, pid := range running {
			_ = awaitEnd(pid, time.Now().Add(time.Hour))
		}
	}
}

// Ended is closed once the agent that Serves has waited for, and all that belongs to it, has
// ended.
func (w *World) Ended() <-chan struct{} { return w.agent.ended }

// LogsIn is a login at Site, by Node as the page, with the card's PIN typed. It returns the
// version of the agent that made the token, which is verified on this system.
func (w *World) LogsIn() string {
	w.t.Helper()
	p := w.open(byNode, Site)
	if got := p.end(at(awaitingPIN, w.types(virtual.PIN))); got != "ok" {
		w.t.Errorf("the login: %s; the agent's log:\n%s", got, w.agent.log.tail(40))
	}
	return p.version
}

// Refuses has a page of another site ask, which the settings do not list.
func (w *World) Refuses(origin string) {
	w.t.Helper()
	if got := w.open(byNode, origin).end(nil); !strings.HasPrefix(got, "refused") {
		w.t.Errorf("%s: %s, want refused", origin, got)
	}
}

// Forgets removes what the person's agent keeps, and the person's settings, which no package
// removes.
func (w *World) Forgets() {
	w.t.Helper()
	if err := errors.Join(os.RemoveAll(w.windows.Path(stateFolder)), os.RemoveAll(w.windows.Path(configFolder))); err != nil {
		w.t.Error(err)
	}
}

// Processes are those of the installed program.
func (w *World) Processes() []int { return w.processes() }
