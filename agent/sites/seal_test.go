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
	two     = []Site{{"https://portail.example.fr", someDay}, {"https://autre.example.fr:8443", someDay.Add(time.Hour)}}
)

func sealed(t testing.TB, k key, list []Site) []byte {
	t.Helper()
	b, err := seal(k, list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	for _, list := range [][]Site{{}, two} {
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

// TestTampered: every changed bit is noticed, and so is every missing or additional
// byte.
func TestTampered(t *testing.T) {
	k := newKey()
	good := sealed(t, k, two)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if list, err := open(k, bad); !Unreadable(err) || list != nil {
			t.Fatalf("byte %d changed: %v %v", i, list, err)
		}
	}
	for i := range good {
		if list, err := open(k, good[:i]); !Unreadable(err) || list != nil {
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
	for name, list := range map[string][]Site{
		"plain http": {{"http://localhost:8080", someDay}}, "upper case": {{"https://Portail.example.fr", someDay}},
		"a path": {{"https://portail.example.fr/", someDay}}, "twice": {two[0], two[0]}, "empty": {{"", someDay}},
		"long": {{"https://" + strings.Repeat("a.", 150) + "fr", someDay}}, "too many": make([]Site, Max+1),
	} {
		if got, err := open(k, sealed(t, k, list)); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// TestLongestList: the longest possible list fits the file.
func TestLongestList(t *testing.T) {
	k := newKey()
	var list []Site
	for i := range Max {
		host := strings.Repeat("a", 50) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 50)
		list = append(list, Site{"https://" + host + strings.Repeat("x", 10) + ".fr:" + string([]byte{'1' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}), time.Now().UTC()})
	}
	b := sealed(t, k, list)
	if got, err := open(k, b); err != nil || len(got) != Max {
		t.Errorf("%d bytes: %d sites, %v", len(b), len(got), err)
	}
}

func FuzzOpen(f *testing.F) {
	var k key
	copy(k[:], "a key of the fuzzer's own, TEST!")
	good := sealed(f, k, two)
	for _, seed := range [][]byte{
		good, sealed(f, k, nil), sealed(f, newKey(), two), good[:headerSize], good[:headerSize+15], good[:len(good)-1], append(bytes.Clone(good), good...),
		[]byte(magic), append([]byte(magic), 2), {}, bytes.Repeat([]byte{0}, headerSize+16),
		[]byte(`{"sites":[{"origin":"https://portail.example.fr","since":"2026-03-01T08:30:00Z"}]}`), []byte(`{"sites":[{"origin":"http://localhost"}]}`), []byte(`{"sites":null}`), []byte(`[`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// What opens is one of the seeds: nobody else has the key.
		if list, err := open(k, data); err == nil && len(list) > 0 && !reflect.DeepEqual(list, two) {
			t.Errorf("opened %q: %v", data, list)
		} else if err != nil && !Unreadable(err) {
			t.Errorf("untyped: %v", err)
		}
		list, err := parse(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || list != nil {
				t.Errorf("%v %v", list, err)
			}
			return
		}
		second, err := open(k, sealed(t, k, list))
		if err != nil || len(second) != len(list) {
			t.Errorf("a parsed list does not survive sealing: %v %v", list, err)
		}
	})
}
