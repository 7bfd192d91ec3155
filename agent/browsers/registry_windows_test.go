package browsers

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestRegistry uses the real registry: wine's, or that of Windows as an administrator.
func TestRegistry(t *testing.T) {
	const chrome = `SOFTWARE\Policies\Google\Chrome\LoopbackNetworkAllowedForUrls`
	const firefox = `SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess\SkipDomains`
	h := openHive()
	for name, value := range map[string]string{"1": "https://other.example.fr", "7": "https://portail.example.fr:443"} {
		if err := h.set(chrome, name, value); err != nil {
			t.Fatal(err)
		}
	}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, chrome, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.SetDWordValue("2", 5); err != nil { // another's, of another type
		t.Fatal(err)
	}
	_ = k.Close()
	theirs := keysNow(t, chrome)

	r := Request{System: Windows, Origins: portals, OlderEdge: true}
	if n := apply(t, r); n != 5 {
		t.Errorf("%d keys change", n)
	}
	if got := keysNow(t, chrome); got["1"] != "https://other.example.fr" || got["7"] != "https://portail.example.fr:443" || got["3"] != "https://[*.]groupe.example.fr:443" || len(got) != 4 {
		t.Errorf("%v", got)
	}
	if got := keysNow(t, firefox); got["1"] != "portail.example.fr" || got["2"] != "*.groupe.example.fr" {
		t.Errorf("%v", got)
	}
	if n := apply(t, r); n != 0 {
		t.Errorf("the same request once more changes %d keys", n)
	}
	states, err := InForce("", portals)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if len(s.Missing) > 0 || s.Where == "" || s.Err != nil {
			t.Errorf("%+v", s)
		}
	}
	const block = `SOFTWARE\Policies\Google\Chrome\` + blockedPolicy
	if err := h.set(block, "1", "https://portail.example.fr:443"); err != nil {
		t.Fatal(err)
	}
	if states, err = InForce("", portals); err != nil || !slices.Equal(states[0].Blocked, portals[:1]) || len(states[1].Blocked) != 0 {
		t.Errorf("blocked: %+v %v", states, err)
	}
	if err := errors.Join(h.remove(block, "1"), h.drop(block)); err != nil {
		t.Fatal(err)
	}
	apply(t, Request{System: Windows})
	if got := keysNow(t, chrome); !maps.Equal(got, theirs) {
		t.Errorf("%v, before %v", got, theirs)
	}
	for _, key := range []string{firefox, `SOFTWARE\Policies\Chromium\LoopbackNetworkAllowedForUrls`, recordKey + `\` + chrome} {
		if got := keysNow(t, key); len(got) > 0 {
			t.Errorf("%s still holds %v", key, got)
		}
	}
	for _, key := range []string{`SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess`, `SOFTWARE\CPxBridge`} {
		if k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE); err == nil {
			_ = k.Close()
			t.Errorf("%s is left behind", key)
		}
	}
	if states, err = InForce("", portals); err != nil || len(states[3].Missing) != 2 {
		t.Errorf("%+v %v", states, err)
	}
}

func keysNow(t *testing.T, key string) map[string]string {
	t.Helper()
	values, err := openHive().values(key)
	if err != nil {
		t.Fatal(err)
	}
	return values
}
