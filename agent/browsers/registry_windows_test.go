package browsers

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestRegistryKeys: taking the policies back removes the keys that were made for them, with
// those above them, and no other: an empty one of others stays, and so does one with
// something of others in it. It comes before the tests that leave keys behind.
func TestRegistryKeys(t *testing.T) {
	const policies = `SOFTWARE\Policies`
	h := openHive()
	there := func(key string) bool {
		t.Helper()
		found, err := h.exists(key)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, key := range []string{policies, `SOFTWARE\Policies\Microsoft\Edge`} { // others', empty
		k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		_ = k.Close()
	}
	for _, key := range policyKeys {
		if key != policyKeys[Edge] && there(key) {
			t.Fatalf("%s is there before", key)
		}
	}
	gone := func(want bool, keys ...string) {
		t.Helper()
		for _, key := range keys {
			if there(key) == want {
				t.Errorf("%s: gone: %v", key, !want)
			}
		}
	}
	r := Request{System: Windows, Origins: portals, OlderEdge: true, Shared: SharedSet}
	for _, removals := range [][]Request{
		{{System: Windows, Shared: SharedRemoved}},
		{{System: Windows}, {System: Windows, Shared: SharedRemoved, OnlyShared: true}},
		{{System: Windows, Shared: SharedRemoved, OnlyShared: true}, {System: Windows}},
	} {
		apply(t, r)
		gone(false, slices.Collect(maps.Values(policyKeys))...)
		for _, back := range removals {
			apply(t, back)
		}
		gone(true, policies+`\Google`, policies+`\Chromium`, policies+`\Mozilla`, `SOFTWARE\CPxBridge`, policyKeys[Edge]+`\`+loopbackPolicy)
		gone(false, policies, policyKeys[Edge])
	}

	apply(t, r)
	if err := errors.Join(h.set(policyKeys[Chrome], "HomepageLocation", "https://other.example.fr"), h.set(policies+`\Mozilla\Thunderbird`, "DisableTelemetry", "1")); err != nil {
		t.Fatal(err)
	}
	apply(t, Request{System: Windows, Shared: SharedRemoved})
	gone(false, policyKeys[Chrome], policies+`\Mozilla\Thunderbird`, policyKeys[Edge])
	gone(true, policyKeys[Chrome]+`\`+loopbackPolicy, policyKeys[Firefox], policies+`\Chromium`, `SOFTWARE\CPxBridge`)
	// What others began to use is theirs: once forgotten as ours it stays, empty or not.
	if err := h.remove(policyKeys[Chrome], "HomepageLocation"); err != nil {
		t.Fatal(err)
	}
	apply(t, r)
	apply(t, Request{System: Windows, Shared: SharedRemoved})
	gone(false, policyKeys[Chrome])
}

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

// TestRegistryShared: the policies of shared workstations are numbers, as the browsers
// want them, and others' values stay.
func TestRegistryShared(t *testing.T) {
	const edge, firefox = `SOFTWARE\Policies\Microsoft\Edge`, `SOFTWARE\Policies\Mozilla\Firefox`
	number := func(key, name string) any {
		t.Helper()
		k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
		if errors.Is(err, registry.ErrNotExist) {
			return nil
		} else if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		value, kind, err := k.GetIntegerValue(name)
		if errors.Is(err, registry.ErrNotExist) {
			return nil
		} else if err != nil || kind != registry.DWORD {
			return err
		}
		return value
	}
	h := openHive()
	if err := errors.Join(h.setNumber(edge, "PasswordManagerEnabled", 1), h.set(firefox, "OfferToSaveLogins", "no")); err != nil { // others'
		t.Fatal(err)
	}
	r := Request{System: Windows, Shared: SharedSet, OnlyShared: true}
	refused := 0
	for _, c := range plan(t, r) {
		if err := c.Apply(); errors.Is(err, ErrConflict) {
			refused++
		} else if err != nil {
			t.Errorf("%s: %v", c.Where, err)
		}
	}
	if refused != 2 || number(edge, "PasswordManagerEnabled") != uint64(1) || number(edge, "AutofillAddressEnabled") != uint64(0) ||
		number(firefox, "PasswordManagerEnabled") != uint64(0) || number(firefox, "DisableFormHistory") != uint64(1) {
		t.Errorf("%d refused", refused)
	}
	if got := keysNow(t, firefox)["OfferToSaveLogins"]; got != "no" {
		t.Errorf("%q", got)
	}
	for _, b := range []string{`Google\Chrome`, "Chromium"} {
		if key := `SOFTWARE\Policies\` + b; number(key, "PasswordManagerEnabled") != uint64(0) || number(key, "AutofillAddressEnabled") != uint64(0) {
			t.Error(b)
		}
	}
	apply(t, Request{System: Windows}) // the portals' lists alone
	if number(firefox, "DisableFormHistory") != uint64(1) {
		t.Error("gone with the portals' lists")
	}
	if n := apply(t, Request{System: Windows, Shared: SharedRemoved}); n != 7 {
		t.Errorf("%d values go", n)
	}
	if number(edge, "PasswordManagerEnabled") != uint64(1) || keysNow(t, firefox)["OfferToSaveLogins"] != "no" ||
		number(firefox, "DisableFormHistory") != nil || number(edge, "AutofillAddressEnabled") != nil {
		t.Error("others' values are gone, or ours stay")
	}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\CPxBridge`, registry.QUERY_VALUE); err == nil {
		_ = k.Close()
		t.Error("the record stays behind")
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
