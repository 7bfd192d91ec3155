package tray

import (
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestRestartEntry: another version that is installed can be gone over to, but not while a
// login runs; where it does not follow, menu and window say so.
func TestRestartEntry(t *testing.T) {
	_, address := desktop(t)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	run(t, d, Options{LogFile: "/TEST/agent.log"})
	m := host.Icon()
	m.Await("no such entry", func() bool { return slices.Equal(m.Labels(), emptyMenu) })
	const installed, later = "Redémarrer CPx Bridge (version 9.9.9 installée)", "Version 9.9.9 installée : redémarrez après l’identification en cours"
	shows := func(label string, enabled bool) {
		t.Helper()
		m.Await(label, func() bool {
			e, ok := m.Find(label)
			return ok && e.Label == label && e.Enabled == enabled && m.Labels()[len(m.Labels())-2] == label
		})
	}
	d.set(func(s *state.State) { s.Replaced = &state.Replaced{Version: "9.9.9"} })
	shows(installed, true)
	d.set(func(s *state.State) { s.InUse = true })
	shows(later, false)
	m.Click(later) // does nothing
	d.set(func(s *state.State) { s.InUse = false })
	shows(installed, true)
	m.Click(installed)
	d.expect(t, "restart")
	d.mu.Lock()
	d.fails = true
	d.mu.Unlock()
	m.Click(installed)
	d.expect(t, "restart")
	d.expect(t, "shows: fails")
	m.Await("why", func() bool { return m.Has("CPx Bridge n’a pas redémarré") })
	d.set(func(s *state.State) { s.Replaced = &state.Replaced{} })
	shows("Redémarrer CPx Bridge (mis à jour)", true)
	d.set(func(s *state.State) { s.Replaced = &state.Replaced{Removed: true} })
	m.Await("none", func() bool { return !m.Has("Redémarrer") })
}
