package sites

import (
	"strings"
	"testing"
)

// TestNever: domains stand in the same list, sealed; the latest word counts, both ways,
// and each kind is taken back by its own name.
func TestNever(t *testing.T) {
	d, _ := withKeyring(t, "")
	const third = "https://portail.example.org"
	d.want(nil, []string{one, third}, "add", one, third)
	before := d.read("sites.sealed")[len(magic)]
	d.want(nil, []string{third, "never example.fr"}, "never", "example.fr", "example.fr") // the second a second time
	if now := d.read("sites.sealed")[len(magic)]; before != 1 || now != 2 {
		t.Errorf("version %d, then %d: an older program would forget the domain", before, now)
	}
	if text := string(d.read("sites.sealed")); strings.Contains(text, "example") {
		t.Error("the list can be read without the key")
	}
	d.want(nil, []string{third, "never example.fr", "never 2001:db8::1"}, "never", "2001:db8::1")
	for _, wrong := range []string{"www.example.fr", "Example.fr", "https://example.fr", "example.fr:8443", "example.fr.", "[2001:db8::1]", "", "a b"} {
		d.want(ErrDomain, nil, "never", wrong)
	}
	d.want(nil, []string{third, other, "never 2001:db8::1"}, "add", other)
	d.want(ErrNotRemembered, []string{third, other, "never 2001:db8::1"}, "forget", "example.fr")
	d.want(nil, []string{third, other}, "forget", "2001:db8::1")
	d.want(nil, []string{third, other}, "list")
	if now := d.read("sites.sealed")[len(magic)]; now != 1 {
		t.Errorf("version %d without a domain: an older program could not read it", now)
	}
}

// TestNewerList: a list of a later program is neither read, nor replaced, nor set aside.
func TestNewerList(t *testing.T) {
	d, _ := withKeyring(t, "")
	d.want(nil, []string{one}, "add", one)
	later := d.read("sites.sealed")
	later[len(magic)] = 3
	d.put("sites.sealed", later)
	for _, args := range [][]string{{"list"}, {"add", other}, {"never", "example.net"}, {"forget", one}} {
		d.want(ErrNewer, nil, args...)
	}
	if string(d.read("sites.sealed")) != string(later) || d.aside() != 0 {
		t.Error("a later program's list was changed")
	}
}
