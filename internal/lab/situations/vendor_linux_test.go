package situations

import (
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/bareprogram"
)

// vendors are situations in which the vendor's module behaves as no other does.
func vendors() []situation {
	return []situation{
		{"foreign_card_vendor", onCard(virtual.CardOptions{}, func(w *world) { w.station.InsertBadge(); w.vendor() })},
		{"contactless", onCard(virtual.CardOptions{Contactless: true}, (*world).contactless)},
		{"contactless_vendor", onCard(virtual.CardOptions{Contactless: true}, func(w *world) { w.contactless(); w.vendor() })},
		{"in_use_elsewhere", onCard(virtual.CardOptions{}, (*world).inUse)},
	}
}

// vendor makes the world's module behave as the vendor's does.
func (w *world) vendor() {
	w.t.Helper()
	for key, value := range built.module.VendorEnv(w.modules[0]) {
		w.env = append(w.env, key+"="+value)
	}
	w.modules[0] = built.module.Path
	must(w.t, built.module.Heal())
}

// contactless makes OpenSC know the card, which the vendor's module does by itself.
func (w *world) contactless() {
	w.t.Helper()
	conf := filepath.Join(w.Dir, "opensc.conf")
	must(w.t, os.WriteFile(conf, []byte(virtual.OpenSCConfiguration), 0o600))
	w.env = append(w.env, "OPENSC_CONF="+conf)
}

// inUse has another program log in with the card, and stay so.
func (w *world) inUse() {
	w.t.Helper()
	w.t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(w.Keyring.Home, "pcscd"))
	program, err := bareprogram.Open(w.modules[0])
	must(w.t, err)
	w.t.Cleanup(func() { _ = program.Close() })
	_, err = program.Stay(virtual.PIN)
	must(w.t, err)
	w.vendor()
}
