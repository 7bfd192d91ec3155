package browsers

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shared = "cpx-bridge.json"

func setShared(root string) Request { return Request{Root: root, Shared: SharedSet, OnlyShared: true} }

func unsetShared(root string) Request {
	return Request{Root: root, Shared: SharedRemoved, OnlyShared: true}
}

// TestShared: the policies of shared workstations and the portals' lists come and go
// without each other, in either order, and nothing stays behind.
func TestShared(t *testing.T) {
	lists := func(root string) Request { return Request{Root: root, Origins: portals, OlderEdge: true} }
	noLists := func(root string) Request { return Request{Root: root} }
	has := func(text, part string) {
		t.Helper()
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	for name, order := range map[string][]func(string) Request{
		"shared last, first away":  {lists, setShared, unsetShared, noLists},
		"shared last, last away":   {lists, setShared, noLists, unsetShared},
		"shared first, last away":  {setShared, lists, noLists, unsetShared},
		"shared first, first away": {setShared, lists, unsetShared, noLists},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for i, request := range order {
				if n := apply(t, request(root)); n != 4 {
					t.Errorf("step %d changes %d files", i, n)
				}
				if n := apply(t, request(root)); n != 0 {
					t.Errorf("step %d once more changes %d files", i, n)
				}
				if i == 1 {
					got := tree(t, root)
					for _, dir := range []string{chromiumDir, "/etc/opt/chrome/policies/managed/", "/etc/opt/edge/policies/managed/"} {
						has(got[dir+ownFile], `"PasswordManagerEnabled": false`)
						has(got[dir+ownFile], `"AutofillAddressEnabled": false`)
						has(got[dir+ownFile], `"https://portail.example.fr:443"`)
					}
					for _, part := range []string{`"PasswordManagerEnabled": false`, `"OfferToSaveLogins": false`, `"DisableFormHistory": true`, `"portail.example.fr"`} {
						has(got[firefoxFile], part)
					}
				}
			}
			if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
				t.Errorf("%v stay behind, %q", entries, tree(t, root))
			}
		})
	}
	root := t.TempDir() // at once, as an installation does it
	if n := apply(t, Request{Root: root, Origins: portals, Shared: SharedSet}); n != 4 {
		t.Errorf("%d files", n)
	}
	if n := apply(t, Request{Root: root, Shared: SharedRemoved}); n != 4 {
		t.Errorf("%d files", n)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("%v stay behind", entries)
	}
}

// TestSharedBesideOthers: a policy that others set is theirs: the same value is
// enough, another is named and left as it is, and all else is written.
func TestSharedBesideOthers(t *testing.T) {
	root := t.TempDir()
	write(t, root, chromiumDir+"10-site.json", "{ // theirs\n  \"PasswordManagerEnabled\": true\n}\n")
	write(t, root, "/etc/opt/chrome/policies/managed/zz.json", `{"PasswordManagerEnabled": false, "HomepageLocation": "https://intranet.example.fr"}`)
	write(t, root, firefoxFile, `{"policies": {"OfferToSaveLogins": true, "DisableTelemetry": true}}`)
	before := tree(t, root)

	conflicts := map[string]string{}
	for _, c := range plan(t, Request{Root: root, Origins: portals, Shared: SharedSet}) {
		var other *ConflictError
		if err := c.Apply(); errors.As(err, &other) && errors.Is(err, ErrConflict) {
			conflicts[filepath.ToSlash(strings.TrimPrefix(other.Where, root))] = other.Policy + " " + other.Value
		} else if err != nil {
			t.Errorf("%s: %v", c.Where, err)
		}
	}
	if want := map[string]string{chromiumDir + "10-site.json": "PasswordManagerEnabled true", firefoxFile: "OfferToSaveLogins true"}; !maps.Equal(conflicts, want) {
		t.Errorf("%v", conflicts)
	}
	got := tree(t, root)
	if got[chromiumDir+"10-site.json"] != before[chromiumDir+"10-site.json"] || strings.Contains(got[chromiumDir+shared], "PasswordManagerEnabled") {
		t.Errorf("the others' value is changed or hidden: %q", got)
	}
	for path, part := range map[string]string{
		chromiumDir + shared:                         `"AutofillAddressEnabled": false`,
		"/etc/opt/chrome/policies/managed/" + shared: `"AutofillAddressEnabled": false`,
		firefoxFile: `"DisableFormHistory": true`,
	} {
		if !strings.Contains(got[path], part) || !strings.Contains(got[path], "portail") {
			t.Errorf("%s: %q", path, got[path])
		}
	}
	if strings.Contains(got["/etc/opt/chrome/policies/managed/"+shared], "PasswordManagerEnabled") || !strings.Contains(got[firefoxFile], `"OfferToSaveLogins": true`) {
		t.Errorf("%q", got)
	}
	apply(t, Request{Root: root, Shared: SharedRemoved})
	if got := tree(t, root); !maps.Equal(got, before) {
		t.Errorf("%q, was %q", got, before)
	}
}

// TestSharedChangedSince: a value of ours that others changed is theirs from then on.
func TestSharedChangedSince(t *testing.T) {
	root := t.TempDir()
	apply(t, setShared(root))
	path := filepath.Join(root, firefoxFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, firefoxFile, strings.Replace(string(text), `"PasswordManagerEnabled": false`, `"PasswordManagerEnabled": true`, 1))
	refused := 0
	for _, c := range plan(t, setShared(root)) {
		if errors.Is(c.Err, ErrConflict) {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refused", refused)
	}
	apply(t, unsetShared(root))
	if got := tree(t, root); len(got) != 1 || !strings.Contains(got[firefoxFile], `"PasswordManagerEnabled": true`) || strings.Contains(got[firefoxFile], "OfferToSaveLogins") {
		t.Errorf("%q", got)
	}
}

// TestSharedWithoutRecord: in our own file our policies are known by its name.
func TestSharedWithoutRecord(t *testing.T) {
	root := t.TempDir()
	apply(t, setShared(root))
	if err := os.Remove(filepath.Join(root, recordFile)); err != nil {
		t.Fatal(err)
	}
	apply(t, unsetShared(root))
	if got := tree(t, root); len(got) != 1 || !strings.Contains(got[firefoxFile], "OfferToSaveLogins") {
		t.Errorf("%q", got)
	}
}

// TestSharedRefused: what cannot be parsed is left unchanged, and so is a file that
// ours would hide.
func TestSharedRefused(t *testing.T) {
	for path, c := range map[string]struct {
		text string
		want error
	}{
		chromiumDir + "x.json": {`{"PasswordManagerEnabled": fal`, ErrMalformed},
		firefoxFile:            {`{"policies": []}`, ErrMalformed},
		"/usr/lib/firefox-esr/distribution/policies.json": {`{}`, ErrShadowed},
	} {
		root := t.TempDir()
		write(t, root, path, c.text)
		refused := 0
		for _, change := range plan(t, setShared(root)) {
			if err := change.Apply(); errors.Is(err, c.want) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if got := tree(t, root); refused != 1 || got[path] != c.text {
			t.Errorf("%s: %d refused, %q", path, refused, got[path])
		}
	}
}

func TestSharedDocuments(t *testing.T) {
	text := plan(t, Request{System: Windows, Root: t.TempDir(), Shared: SharedSet, OnlyShared: true})[0].Text
	for _, part := range []string{
		"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Edge]\r\n\"PasswordManagerEnabled\"=dword:00000000\r\n\"AutofillAddressEnabled\"=dword:00000000\r\n",
		"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Mozilla\\Firefox]\r\n\"PasswordManagerEnabled\"=dword:00000000\r\n\"OfferToSaveLogins\"=dword:00000000\r\n\"DisableFormHistory\"=dword:00000001\r\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	if strings.Contains(text, "Loopback") {
		t.Error(text)
	}
	alone := plan(t, Request{System: MacOS, Shared: SharedSet, OnlyShared: true})[0]
	both := plan(t, Request{System: MacOS, Origins: portals, Shared: SharedSet})[0]
	if alone.Where != sharedProfileFile || both.Where != profileFile {
		t.Errorf("%s, %s", alone.Where, both.Where)
	}
	type profile struct {
		PayloadIdentifier string
		PayloadContent    []struct {
			PayloadType, PayloadUUID                                         string
			PasswordManagerEnabled, AutofillAddressEnabled                   *bool
			OfferToSaveLogins, DisableFormHistory, EnterprisePoliciesEnabled *bool
			LoopbackNetworkAllowedForUrls                                    []string
		}
	}
	one, two := profile{}, profile{}
	decode(t, alone.Text, &one)
	decode(t, both.Text, &two)
	if one.PayloadIdentifier == two.PayloadIdentifier {
		t.Error("one profile replaces the other")
	}
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	for i, p := range one.PayloadContent {
		with := two.PayloadContent[i]
		if p.PayloadUUID == with.PayloadUUID || len(p.LoopbackNetworkAllowedForUrls) > 0 || !is(p.PasswordManagerEnabled, false) || !is(with.PasswordManagerEnabled, false) {
			t.Errorf("%+v, %+v", p, with)
		}
		if p.PayloadType == "org.mozilla.firefox" {
			if !is(p.OfferToSaveLogins, false) || !is(p.DisableFormHistory, true) || !is(p.EnterprisePoliciesEnabled, true) {
				t.Errorf("%+v", p)
			}
		} else if !is(p.AutofillAddressEnabled, false) || len(with.LoopbackNetworkAllowedForUrls) != 2 {
			t.Errorf("%+v, %+v", p, with)
		}
	}
}

func TestRegistryValues(t *testing.T) {
	key, s := policyKeys[Edge], sharedPolicies(Edge)[0]
	record := recordKey + `\` + key
	put := func(h fakeHive, set bool) Change {
		t.Helper()
		c := planValue(h, Edge, s, set)
		if c.Err == nil {
			if err := c.Apply(); err != nil {
				t.Fatal(err)
			}
			if repeated := planValue(h, Edge, s, set); repeated.Changed {
				t.Errorf("the same once more changes %v", h)
			}
		}
		return c
	}
	h := fakeHive{}
	if c := put(h, true); c.Shared || c.Text != "PasswordManagerEnabled = 0\n" || h[key][s.name()] != "0" || h[record][s.name()] != "0" {
		t.Errorf("%+v %v", c, h)
	}
	if c := put(h, false); !c.Changed || c.Text != "" || len(h[key]) > 0 || len(h[record]) > 0 {
		t.Errorf("%+v %v", c, h)
	}
	h = fakeHive{key: {s.name(): "0"}} // theirs
	if c := put(h, true); c.Changed || !c.Shared {
		t.Errorf("%+v", c)
	}
	if c := put(h, false); c.Changed || h[key][s.name()] != "0" {
		t.Errorf("%+v %v", c, h)
	}
	h = fakeHive{key: {s.name(): "1"}}
	if c := put(h, true); !errors.Is(c.Err, ErrConflict) || h[key][s.name()] != "1" || len(h) != 1 {
		t.Errorf("%+v %v", c, h)
	}
	h = fakeHive{}
	put(h, true)
	h[key][s.name()] = "1" // changed by others since
	if c := put(h, true); !errors.Is(c.Err, ErrConflict) {
		t.Errorf("%+v", c)
	}
	if put(h, false); h[key][s.name()] != "1" || len(h[record]) > 0 {
		t.Errorf("%v", h)
	}
}
