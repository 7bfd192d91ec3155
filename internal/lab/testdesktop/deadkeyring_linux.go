package testdesktop

import (
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// DeadKeyring is a bus with a keyring that answers nothing or, with reads, only
// when its properties are read: a fault that a real keyring cannot be made to have.
// Once answer is called it answers, and refuses.
func DeadKeyring(t *testing.T, reads bool) (bus string, answer func()) {
	t.Helper()
	bus = IsolatedBus(t, nil)
	conn := OnBus(t, bus)
	dead := &deadKeyring{answers: make(chan struct{}), reads: reads}
	for _, path := range []dbus.ObjectPath{"/org/freedesktop/secrets", loginKeyring, deadEntry} {
		for _, face := range []string{"org.freedesktop.DBus.Properties", "org.freedesktop.Secret.Service", "org.freedesktop.Secret.Collection"} {
			if err := conn.Export(dead, path, face); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r, err := conn.RequestName(Secrets, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	answer = sync.OnceFunc(func() { close(dead.answers) })
	t.Cleanup(answer)
	return bus, answer
}

type deadKeyring struct {
	answers chan struct{} // closed once it answers
	reads   bool
}

func (d *deadKeyring) refuse() *dbus.Error {
	<-d.answers
	return dbus.NewError("org.freedesktop.Secret.Error.NoSession", []any{"played"})
}

// Get is a method of org.freedesktop.DBus.Properties.
func (d *deadKeyring) Get(_, property string) (dbus.Variant, *dbus.Error) {
	switch {
	case !d.reads:
		return dbus.Variant{}, d.refuse()
	case property == "Collections":
		return dbus.MakeVariant([]dbus.ObjectPath{loginKeyring}), nil
	}
	return dbus.MakeVariant(false), nil
}

// ReadAlias is a method of org.freedesktop.Secret.Service.
func (d *deadKeyring) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	if !d.reads {
		return "/", d.refuse()
	}
	return loginKeyring, nil
}

// SearchItems is a method of org.freedesktop.Secret.Collection.
func (d *deadKeyring) SearchItems(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	if !d.reads {
		return nil, d.refuse()
	}
	return []dbus.ObjectPath{deadEntry}, nil
}

// OpenSession is what go-keyring calls first.
func (d *deadKeyring) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), "/", d.refuse()
}

// deadEntry is the entry that every search finds.
const deadEntry = loginKeyring + "/1"
