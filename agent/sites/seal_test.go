package sites

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestWhy: each error has a text of its own in both languages.
func TestWhy(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds {
		for _, lang := range []string{"fr", "en"} {
			text := Why(fmt.Errorf("wrapped: %w", k.is), lang)
			if seen[text] || text == "" || strings.Contains(text, "wrapped") || Reason(k.is) != k.reason {
				t.Errorf("%s: %v: %q", lang, k.is, text)
			}
			seen[text] = true
			if why := WhyNotForgotten(fmt.Errorf("wrapped: %w", k.is), lang); (Unreachable(k.is) || errors.Is(k.is, ErrNoSpace)) == (why == text) || strings.Contains(why, "%!") {
				t.Errorf("%s: %v: %q", lang, k.is, why)
			}
		}
	}
	if Why(errors.New("TEST"), "fr") != "TEST" || Reason(errors.New("TEST")) != "failed" || Reason(nil) != "" {
		t.Error("another package's error, or nil")
	}
	if Why(nil, "fr") != "" {
		t.Error("nil has a text")
	}
}

var (
	someDay = time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC)
	two     = List{Sites: []Site{{"https://portail.example.fr", someDay}, {"https://autre.example.fr:8443", someDay.Add(time.Hour)}}}
	both    = List{Sites: two.Sites, Never: []Domain{{"example.net", someDay}, {"2001:db8::1", someDay}}}
)

func sealed(t testing.TB, k key, list List) []byte {
	t.Helper()
	b, err := seal(k, list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	for _, list := range []List{{Sites: []Site{}}, two, both} {
		k := newKey()
		b := sealed(t, k, list)
		if bytes.Contains(b, []byte("example")) || (len(b)-headerSize-16)%block != 0 {
			t.Errorf("%d bytes: %q", len(b), b)
		}
		if got, err := open(k, b); err != nil || !reflect.DeepEqual(got, list) {
			t.Errorf("%v %v, want %v", got, err, list)
		}
		if second := sealed(t, k, list); stampOf(second) == stampOf(b) || bytes.Equal(second[headerSize:], b[headerSize:]) {
			t.Error("the nonce was used twice")
		}
	}
}

func isEmpty(l List) bool { return len(l.Sites) == 0 && len(l.Never) == 0 }

func openError(k key, sealed []byte) error {
	_, err := open(k, sealed)
	return err
}

// TestVersions: a list without domains is byte for byte of the first version, which
// older programs read; one with them is of a version that they refuse. A list of a
// later version is neither read nor taken for damaged, and one that claims the first
// version but holds domains was not sealed here.
func TestVersions(t *testing.T) {
	k := newKey()
	if b := sealed(t, k, two); b[len(magic)] != 1 {
		t.Errorf("version %d of a list without domains", b[len(magic)])
	}
	b := sealed(t, k, both)
	if b[len(magic)] != 2 {
		t.Errorf("version %d of a list with domains", b[len(magic)])
	}
	b[len(magic)] = 1
	if err := openError(k, b); !errors.Is(err, ErrDamaged) {
		t.Errorf("given out for an older one: %v", err)
	}
	b[len(magic)] = 3
	if err := openError(k, b); !errors.Is(err, ErrNewer) || Unreadable(err) {
		t.Errorf("of a later version: %v", err)
	}
	b[len(magic)] = 0
	if err := openError(k, b); !errors.Is(err, ErrDamaged) {
		t.Errorf("of no version: %v", err)
	}
}

// TestTampered: every changed bit is noticed, and so is every missing or additional
// byte.
func TestTampered(t *testing.T) {
	k := newKey()
	good := sealed(t, k, both)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		later := i == len(magic) && errors.Is(openError(k, bad), ErrNewer) // the version's own byte
		if list, err := open(k, bad); !Unreadable(err) && !later || !isEmpty(list) {
			t.Fatalf("byte %d changed: %v %v", i, list, err)
		}
	}
	for i := range good {
		if list, err := open(k, good[:i]); !Unreadable(err) || !isEmpty(list) {
			t.Fatalf("cut to %d bytes: %v %v", i, list, err)
		}
	}
	if _, err := open(k, append(bytes.Clone(good), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := open(newKey(), good); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	// The key's name alone must not suffice.
	other := newKey()
	id := other.id()
	renamed := bytes.Clone(good)
	copy(renamed[len(magic)+1:], id[:])
	if _, err := open(other, renamed); !errors.Is(err, ErrDamaged) {
		t.Errorf("another key under our key's name: %v", err)
	}
}

// TestHostileList: an authentic list is checked too.
func TestHostileList(t *testing.T) {
	k := newKey()
	for name, list := range map[string]List{
		"a subdomain's port": {Never: []Domain{{"example.net:8443", someDay}}}, "a URL": {Never: []Domain{{"https://example.net", someDay}}},
		"no domain": {Never: []Domain{{"", someDay}}}, "a dot": {Never: []Domain{{"example.net.", someDay}}}, "domain in upper case": {Never: []Domain{{"Example.net", someDay}}},
		"a domain twice": {Never: []Domain{both.Never[0], both.Never[0]}}, "too many domains": {Never: make([]Domain, Max+1)},
		"plain http": {Sites: []Site{{"http://localhost:8080", someDay}}}, "upper case": {Sites: []Site{{"https://Portail.example.fr", someDay}}},
		"a path": {Sites: []Site{{"https://portail.example.fr/", someDay}}}, "twice": {Sites: []Site{two.Sites[0], two.Sites[0]}}, "empty": {Sites: []Site{{"", someDay}}},
		"long": {Sites: []Site{{"https://" + strings.Repeat("a.", 150) + "fr", someDay}}}, "too many": {Sites: make([]Site, Max+1)},
	} {
		if got, err := open(k, sealed(t, k, list)); !errors.Is(err, ErrDamaged) || !isEmpty(got) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// TestLongestList: the longest possible list fits the file.
func TestLongestList(t *testing.T) {
	k := newKey()
	var list List
	for i := range Max {
		host := strings.Repeat("a", 50) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 50)
		list.Sites = append(list.Sites, Site{"https://" + host + strings.Repeat("x", 10) + ".fr:" + string([]byte{'1' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}), time.Now().UTC()})
		list.Never = append(list.Never, Domain{host + strings.Repeat("y", 9) + string([]byte{'1' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}) + ".fr", time.Now().UTC()})
	}
	b := sealed(t, k, list)
	if got, err := open(k, b); err != nil || len(got.Sites) != Max || len(got.Never) != Max {
		t.Errorf("%d bytes: %d sites, %v", len(b), len(got.Sites), err)
	}
}

func FuzzOpen(f *testing.F) {
	var k key
	copy(k[:], "a key of the fuzzer's own, TEST!")
	good := sealed(f, k, both)
	for _, seed := range [][]byte{
		good, sealed(f, k, List{}), sealed(f, k, two), sealed(f, newKey(), two), good[:headerSize], good[:headerSize+15], good[:len(good)-1], append(bytes.Clone(good), good...),
		[]byte(magic), append([]byte(magic), 2), append([]byte(magic), 3), {}, bytes.Repeat([]byte{0}, headerSize+16),
		[]byte(`{"sites":[{"origin":"https://portail.example.fr","since":"2026-03-01T08:30:00Z"}]}`), []byte(`{"sites":[{"origin":"http://localhost"}]}`), []byte(`{"sites":[],"never":[{"domain":"example.net","since":"2026-03-01T08:30:00Z"}]}`), []byte(`{"never":[{"domain":"example.net:1"}]}`), []byte(`{"sites":null}`), []byte(`[`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// What opens is one of the seeds: nobody else has the key.
		if list, err := open(k, data); err == nil && !isEmpty(list) && !reflect.DeepEqual(list, two) && !reflect.DeepEqual(list, both) {
			t.Errorf("opened %q: %v", data, list)
		} else if err != nil && !Unreadable(err) && !errors.Is(err, ErrNewer) {
			t.Errorf("untyped: %v", err)
		}
		list, err := parse(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || !isEmpty(list) {
				t.Errorf("%v %v", list, err)
			}
			return
		}
		second, err := open(k, sealed(t, k, list))
		if err != nil || len(second.Sites) != len(list.Sites) || len(second.Never) != len(list.Never) {
			t.Errorf("a parsed list does not survive sealing: %v %v", list, err)
		}
	})
}
