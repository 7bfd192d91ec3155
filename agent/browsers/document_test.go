package browsers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howett.net/plist"
)

func TestRegistryFile(t *testing.T) {
	r := Request{System: Windows, Origins: portals, OlderEdge: true, Root: t.TempDir()}
	changes := plan(t, r)
	if len(changes) != 1 {
		t.Fatalf("%+v", changes)
	}
	text := changes[0].Text
	for _, part := range []string{
		"Windows Registry Editor Version 5.00\r\n",
		"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Google\\Chrome\\LoopbackNetworkAllowedForUrls]\r\n\"27720\"=\"https://portail.example.fr:443\"\r\n\"27721\"=\"https://[*.]groupe.example.fr:443\"\r\n",
		"Microsoft\\Edge\\LocalNetworkAccessAllowedForUrls]", "Policies\\Chromium\\",
		"Mozilla\\Firefox\\LocalNetworkAccess\\SkipDomains]\r\n\"1\"=\"portail.example.fr\"\r\n\"2\"=\"*.groupe.example.fr\"\r\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	if err := changes[0].Apply(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(r.Root, regFile)); err != nil || string(got) != text {
		t.Errorf("%q %v", got, err)
	}
}

func TestProfile(t *testing.T) {
	r := Request{System: MacOS, Origins: portals}
	text := plan(t, r)[0].Text
	var profile struct {
		PayloadType, PayloadUUID string
		PayloadContent           []struct {
			PayloadType, PayloadUUID      string
			LoopbackNetworkAllowedForUrls []string
			EnterprisePoliciesEnabled     bool
			LocalNetworkAccess            struct{ SkipDomains []string }
		}
	}
	decode(t, text, &profile)
	if profile.PayloadType != "Configuration" || len(profile.PayloadContent) != 4 {
		t.Fatalf("%+v", profile)
	}
	seen := map[string]bool{profile.PayloadUUID: true}
	for _, p := range profile.PayloadContent {
		if seen[p.PayloadUUID] || len(p.PayloadUUID) != 36 {
			t.Errorf("%+v", p)
		}
		seen[p.PayloadUUID] = true
		if p.PayloadType == "org.mozilla.firefox" {
			if !p.EnterprisePoliciesEnabled || strings.Join(p.LocalNetworkAccess.SkipDomains, " ") != "portail.example.fr *.groupe.example.fr" {
				t.Errorf("%+v", p)
			}
		} else if strings.Join(p.LoopbackNetworkAllowedForUrls, " ") != "https://portail.example.fr:443 https://[*.]groupe.example.fr:443" {
			t.Errorf("%+v", p)
		}
	}
	if repeated := plan(t, r)[0].Text; repeated != text {
		t.Error("the same request makes another profile")
	}
	// A person or a management system installs a profile, not a program.
	if err := plan(t, r)[0].Apply(); !errors.Is(err, ErrPrintOnly) {
		t.Error(err)
	}
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := plist.NewDecoder(bytes.NewReader([]byte(text))).Decode(to); err != nil {
		t.Fatal(err)
	}
}

// fakeHive replaces the registry where there is none; the real one is tested in
// registry_windows_test.go.
type fakeHive map[string]map[string]string

func (h fakeHive) values(key string) (map[string]string, error) { return h[key], nil }
func (h fakeHive) set(key, name, value string) error {
	if h[key] == nil {
		h[key] = map[string]string{}
	}
	h[key][name] = value
	return nil
}
func (h fakeHive) number(key, name string) (string, bool, error) {
	value, exists := h[key][name]
	return value, exists, nil
}
func (h fakeHive) setNumber(key, name string, value uint32) error {
	return h.set(key, name, fmt.Sprint(value))
}
func (h fakeHive) remove(key, name string) error   { delete(h[key], name); return nil }
func (h fakeHive) exists(key string) (bool, error) { return len(h[key]) > 0, nil }

func (h fakeHive) drop(key string) error {
	if len(h[key]) == 0 {
		delete(h, key)
	}
	return nil
}

func TestRegistryLists(t *testing.T) {
	const key = `SOFTWARE\Policies\Google\Chrome\LoopbackNetworkAllowedForUrls`
	put := func(h fakeHive, b Browser, values ...string) Change {
		t.Helper()
		c := planKey(h, b, list{key, values})
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
		if repeated := planKey(h, b, list{key, values}); repeated.Changed {
			t.Errorf("the same once more changes %+v", h)
		}
		return c
	}
	h := fakeHive{key: {"1": "theirs", "3": "both"}}
	put(h, Chrome, "a", "both", "b")
	if h[key]["1"] != "theirs" || h[key]["3"] != "both" || h[key]["2"] != "a" || h[key]["4"] != "b" || len(h[key]) != 4 {
		t.Errorf("%v", h[key])
	}
	put(h, Chrome, "b")
	put(h, Chrome)
	if h[key]["1"] != "theirs" || h[key]["3"] != "both" || len(h[key]) != 2 || len(h) != 1 {
		t.Errorf("%v", h)
	}
	// Firefox accepts a list only where one value is named 1.
	h = fakeHive{}
	put(h, Firefox, "a", "b")
	h[key]["3"] = "theirs"
	put(h, Firefox)
	if len(h[key]) != 1 || h[key]["1"] != "theirs" {
		t.Errorf("%v", h)
	}
	// A value that is no text (here a number, which values returns as "") is never moved.
	h = fakeHive{}
	put(h, Firefox, "a")
	h[key]["2"], h[key]["3"] = "theirs", ""
	put(h, Firefox)
	if _, stays := h[key]["3"]; !stays || h[key]["1"] != "theirs" || len(h[key]) != 2 {
		t.Errorf("%v", h)
	}
	h = fakeHive{}
	if c := put(h, Chrome, "a"); c.Shared || c.Text != "1 = a\n" {
		t.Errorf("%+v", c)
	}
	put(h, Chrome)
	if len(h) != 0 {
		t.Errorf("%v stays behind", h)
	}
}
