package situations

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// keyrings are situations of the desktop's keyring. None keeps a login from working.
func keyrings() []situation {
	with := func(bus func(t *testing.T) string) func(t *testing.T) *world {
		return onCard(virtual.CardOptions{}, func(w *world) { w.env = append(w.env, "DBUS_SESSION_BUS_ADDRESS="+bus(w.t)) })
	}
	keepass := func(o testdesktop.KeePassXCOptions) func(t *testing.T) *world {
		return with(func(t *testing.T) string { return testdesktop.NewKeePassXC(t, o).Bus })
	}
	wallet := testdesktop.CollectionAt("kdewallet")
	return []situation{
		{"wallet_opened_by_session", with(func(t *testing.T) string {
			s := &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet}, Default: wallet, Locked: true}
			return s.Serve(t)
		})},
		{"wallet_that_prompts", with(func(t *testing.T) string {
			s := &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet}, Default: wallet, Locked: true, Prompts: true}
			return s.Serve(t)
		})},
		{"keepassxc", keepass(testdesktop.KeePassXCOptions{Exposed: true})},
		{"keepassxc_without_group", keepass(testdesktop.KeePassXCOptions{})},
		{"keepassxc_locked", keepass(testdesktop.KeePassXCOptions{Exposed: true, Locked: true})},
	}
}
