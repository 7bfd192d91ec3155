package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// TestRestartFromTheMenu: a person whose program was upgraded goes over to it in the menu,
// once their login has ended; the menu of the new version has no such entry, and its windows
// are of it. A program that would not serve is not gone over to, and a window says why.
func TestRestartFromTheMenu(t *testing.T) {
	older, newer := build(t, "0.0.1"), build(t, "0.0.2")
	u := newUpgraded(t)
	s := testdesktop.NewScreen(t)
	s.Manage()
	host := testdesktop.NewTrayHost(t, u.p.Keyring.Bus)
	u.p.Settings(t, "modules = [%q]\nlang = \"fr\"\nnotifications = false\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = 1\n", u.p.Module, upgradeSite, u.port)
	u.p.Keyring.Env = append(u.p.Keyring.Env, "DISPLAY="+s.Display)
	file := u.install(older)
	agent := starts(t, u.p, of(u.p, u.program, "run", "--supervise", "--quiet"))
	agent.await("msg=listening")
	m := host.Icon()
	m.Await("the card", func() bool { return m.Has("Carte prête") })
	if m.Has("Redémarrer") {
		t.Error("it offers a restart into itself")
	}

	u.script("no program")
	const upgraded = "Redémarrer CPx Bridge (mis à jour)"
	m.Click(upgraded)
	window := s.Ready("CPx Bridge · Redémarrage")
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "restart-failed-fr.png"))
	}
	info, err := os.Stat("/proc/" + s.Do("getwindowpid", window) + "/exe")
	if err != nil || !os.SameFile(info, file) {
		t.Errorf("the window of the old agent is of another version, %v", err)
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	workstation.Contains(t, clipboard(t, s), "version 0.0.1", "exec format error")
	s.Do("key", "Escape")
	s.Gone("CPx Bridge · Redémarrage")
	if !m.Has("CPx Bridge n’a pas redémarré") {
		t.Error(m.Labels())
	}

	file = u.install(newer)
	const installed = "Redémarrer CPx Bridge (version 0.0.2 installée)"
	m.Await("the version", func() bool { return m.Has(installed) })
	page := u.begins()
	s.Window("^CPx Bridge")
	m.Await("a login", func() bool {
		e, ok := m.Find("Version 0.0.2 installée : redémarrez après l’identification en cours")
		return ok && !e.Enabled
	})
	must(t, page.Close())
	m.Await("no login", func() bool {
		e, ok := m.Find(installed)
		return ok && e.Enabled
	})
	m.Click(installed)
	agent.await("msg=listening")
	m = host.Icon()
	m.Await("the new version", func() bool { return m.Has("À propos : CPx Bridge 0.0.2") && !m.Has("Redémarrer") })
	u.expectImage(agent.agent(), file)
	info, err = os.Stat("/proc/" + strconv.Itoa(childOf(t, agent.agent(), role.TrayMenu)) + "/exe")
	if err != nil || !os.SameFile(info, file) {
		t.Errorf("the menu is of another version, %v", err)
	}
	workstation.Contains(t, u.runs(0, "quit"), "CPx Bridge est arrêté.")
	agent.endedForGood(0)
}
