package browsers

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var portals = []string{"https://portail.example.fr", "https://*.groupe.example.fr"}

func plan(t *testing.T, r Request) []Change {
	t.Helper()
	if r.System == "" {
		r.System = Linux
	}
	if r.Browsers == nil {
		r.Browsers = All
	}
	changes, err := Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// apply makes a request's changes and returns how many there were.
func apply(t *testing.T, r Request) (changed int) {
	t.Helper()
	for _, c := range plan(t, r) {
		if err := c.Apply(); err != nil {
			t.Fatalf("%s: %v", c.Where, err)
		}
		if c.Changed {
			changed++
		}
	}
	return changed
}

// tree is every file below root with its text, except the record.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, root)) // as Linux has it, on Windows too
		if err != nil || !d.Type().IsRegular() || name == recordFile {
			return err
		}
		text, err := os.ReadFile(path)
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const chromiumDir = "/etc/chromium/policies/managed/"

func TestLinuxFiles(t *testing.T) {
	root := t.TempDir()
	if n := apply(t, Request{Origins: portals, Root: root, OlderEdge: true}); n != 4 {
		t.Errorf("%d files", n)
	}
	const list = "[\n    \"https://portail.example.fr:443\",\n    \"https://[*.]groupe.example.fr:443\"\n  ]"
	const loopback = "{\n  \"LoopbackNetworkAllowedForUrls\": " + list + "\n}\n"
	want := map[string]string{
		"/etc/opt/chrome/policies/managed/cpx-bridge.json": loopback,
		chromiumDir + "cpx-bridge.json":                    loopback,
		"/etc/opt/edge/policies/managed/cpx-bridge.json":   "{\n  \"LoopbackNetworkAllowedForUrls\": " + list + ",\n  \"LocalNetworkAccessAllowedForUrls\": " + list + "\n}\n",
		firefoxFile: "{\n  \"policies\": {\n    \"LocalNetworkAccess\": {\n      \"SkipDomains\": [\n        \"portail.example.fr\",\n        \"*.groupe.example.fr\"\n      ]\n    }\n  }\n}\n",
	}
	if got := tree(t, root); !maps.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if n := apply(t, Request{Origins: portals, Root: root, OlderEdge: true}); n != 0 {
		t.Errorf("the same request once more changes %d files", n)
	}
	if n := apply(t, Request{Origins: portals[:1], Root: root}); n != 4 {
		t.Errorf("one portal fewer changes %d files", n)
	}
	for path, text := range tree(t, root) {
		if strings.Contains(text, "groupe") || strings.Contains(text, olderPolicy) || !strings.Contains(text, "portail.example.fr") {
			t.Errorf("%s holds %s", path, text)
		}
	}
	apply(t, Request{Root: root})
	if rest := tree(t, root); len(rest) != 0 {
		t.Errorf("left behind: %q", rest)
	}
	if _, err := os.Stat(filepath.Join(root, recordFile)); err == nil {
		t.Error("the record is left behind")
	}
	if len(plan(t, Request{Root: root})) != 0 {
		t.Error("there is still something to remove")
	}
}

// TestOthersEntries: others' entries stay, and once ours are removed every file is
// as before, byte for byte.
func TestOthersEntries(t *testing.T) {
	root := t.TempDir()
	before := map[string]string{
		chromiumDir + "10-site.json":     "{\n\t// by the site\n\t\"HomepageLocation\": \"https://intranet.example.fr\",\n\t\"LoopbackNetworkAllowedForUrls\": [\"https://other.example.fr\"],\n}\n",
		chromiumDir + "20-printing.json": "{\"LoopbackNetworkAllowedForUrls\":[\n  \"https://print.example.fr:443\",\n  \"https://portail.example.fr:443\"\n]}",
		chromiumDir + "30-broken.json":   "{\"Homepage",
		firefoxFile:                      "{\"policies\": {\"DisableTelemetry\": true,\n  \"LocalNetworkAccess\": {\"Enabled\": true, \"SkipDomains\": [\"print.example.fr\"]}}}\n",
	}
	for path, text := range before {
		write(t, root, path, text)
	}
	apply(t, Request{Origins: portals, Root: root, Browsers: []Browser{Chromium, Firefox}})
	got := tree(t, root)
	for _, name := range []string{"10-site.json", "30-broken.json"} {
		if got[chromiumDir+name] != before[chromiumDir+name] {
			t.Errorf("%s changed to %s", name, got[chromiumDir+name])
		}
	}
	if got[chromiumDir+ownFile] != "" {
		t.Error("a file of our own hides the others', or is hidden by them")
	}
	if text := got[chromiumDir+"20-printing.json"]; !strings.Contains(text, "\"https://portail.example.fr:443\",\n  \"https://[*.]groupe.example.fr:443\"") || strings.Count(text, "portail") != 1 {
		t.Error(text)
	}
	if text := got[firefoxFile]; !strings.Contains(text, `"SkipDomains": ["print.example.fr", "portail.example.fr", "*.groupe.example.fr"]`) {
		t.Error(text)
	}
	// Chromium reads every file in its folder, so the backup is above it.
	if got["/etc/chromium/policies/20-printing.json"+backupSuffix] != before[chromiumDir+"20-printing.json"] || got[firefoxFile+backupSuffix] != before[firefoxFile] {
		t.Errorf("no backup in %v", slices.Collect(maps.Keys(got)))
	}
	// A later write leaves that first copy alone: only it is without our entries.
	apply(t, Request{Origins: portals[1:], Root: root, Browsers: []Browser{Chromium, Firefox}})
	got = tree(t, root)
	if got["/etc/chromium/policies/20-printing.json"+backupSuffix] != before[chromiumDir+"20-printing.json"] || got[firefoxFile+backupSuffix] != before[firefoxFile] {
		t.Errorf("the backup is now %q and %q", got["/etc/chromium/policies/20-printing.json"+backupSuffix], got[firefoxFile+backupSuffix])
	}
	apply(t, Request{Root: root})
	if got = tree(t, root); !maps.Equal(got, before) { // the backups are gone too
		t.Errorf("%q, was %q", got, before)
	}
}

// TestBackupGone: where the copy was removed, a later write makes no other, which
// would hold our entries.
func TestBackupGone(t *testing.T) {
	root := t.TempDir()
	write(t, root, firefoxFile, `{"policies": {"DisableTelemetry": true}}`)
	r := Request{Origins: portals, Root: root, Browsers: []Browser{Firefox}}
	if c := plan(t, r)[0]; c.Backup != filepath.Join(root, firefoxFile)+backupSuffix {
		t.Errorf("%+v", c)
	}
	apply(t, r)
	if err := os.Remove(filepath.Join(root, firefoxFile) + backupSuffix); err != nil {
		t.Fatal(err)
	}
	r.Origins = portals[:1]
	if c := plan(t, r)[0]; c.Backup != "" {
		t.Errorf("%+v", c)
	}
	apply(t, r)
	if got := tree(t, root); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestEmptyBefore: a file of others that held nothing holds nothing afterwards, and
// is not removed.
func TestEmptyBefore(t *testing.T) {
	for _, text := range []string{"{}", "{}\n", "{\n}\n", "{ }", `{"policies": {}}`, `{"policies": {"LocalNetworkAccess": {"SkipDomains": []}}}`} {
		root := t.TempDir()
		write(t, root, firefoxFile, text)
		apply(t, Request{Origins: portals, Root: root, Browsers: []Browser{Firefox}})
		if got := tree(t, root)[firefoxFile]; !strings.Contains(got, "portail") {
			t.Errorf("%q: %q", text, got)
		}
		apply(t, Request{Root: root, Browsers: []Browser{Firefox}})
		if got := tree(t, root)[firefoxFile]; got != text {
			t.Errorf("%q became %q", text, got)
		}
		if n := apply(t, Request{Root: root}); n != 0 {
			t.Errorf("%q: there is still something to remove", text)
		}
	}
}

// TestLaterPolicy: where another file has begun to set the policy, one of the two
// files hides the other, so the next run moves our entries there.
func TestLaterPolicy(t *testing.T) {
	root := t.TempDir()
	r := Request{Origins: portals, Root: root, Browsers: []Browser{Chromium}}
	apply(t, r)
	write(t, root, chromiumDir+"a.json", `{"LoopbackNetworkAllowedForUrls": ["https://other.example.fr:443"]}`)
	apply(t, r)
	got := tree(t, root)
	if got[chromiumDir+ownFile] != "" || !strings.Contains(got[chromiumDir+"a.json"], `"https://other.example.fr:443", "https://portail.example.fr:443"`) {
		t.Errorf("%q", got)
	}
	if err := os.Remove(filepath.Join(root, chromiumDir, "a.json")); err != nil {
		t.Fatal(err)
	}
	apply(t, r)
	if got := tree(t, root); !strings.Contains(got[chromiumDir+ownFile], "portail") {
		t.Errorf("%q", got)
	}
	apply(t, Request{Root: root, Browsers: []Browser{Chromium}})
	if got := tree(t, root); got[chromiumDir+ownFile] != "" {
		t.Errorf("%q", got)
	}
}

// TestRefused: a file that cannot be parsed is left unchanged, and the other
// browsers get their policy.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		path, text string
		browser    Browser
		want       error
	}{
		"Firefox's file cut off":   {firefoxFile, `{"policies": {`, Firefox, ErrMalformed},
		"Firefox's file empty":     {firefoxFile, "", Firefox, ErrMalformed},
		"policy of another type":   {chromiumDir + "x.json", `{"LoopbackNetworkAllowedForUrls": "https://x"}`, Chromium, ErrMalformed},
		"policy in a broken file":  {chromiumDir + "x.json", `{"LoopbackNetworkAllowedForUrls": ["https://x",`, Chromium, ErrMalformed},
		"Firefox's file elsewhere": {"/usr/lib/firefox/distribution/policies.json", `{"policies": {}}`, Firefox, ErrShadowed},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, c.path, c.text)
			refused, applied := 0, 0
			for _, change := range plan(t, Request{Origins: portals, Root: root}) {
				err := change.Apply()
				switch {
				case change.Browser == c.browser && errors.Is(err, c.want):
					refused++
				case err != nil:
					t.Errorf("%s: %v", change.Where, err)
				default:
					applied++
				}
			}
			if refused != 1 || applied != 3 {
				t.Errorf("%d refused, %d applied", refused, applied)
			}
			if text := tree(t, root)[c.path]; text != c.text {
				t.Errorf("changed to %q", text)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	for name, c := range map[string]struct {
		r    Request
		says string
	}{
		"system":       {Request{System: "beos"}, "linux, windows, macos"},
		"browser":      {Request{System: Linux, Browsers: []Browser{"safari"}}, "safari"},
		"path":         {Request{System: Linux, Origins: []string{"https://a.fr/x"}}, "not an origin"},
		"wildcard":     {Request{System: Linux, Origins: []string{"https://*.gouv.fr"}}, "public suffix"},
		"this machine": {Request{System: Linux, Origins: []string{"http://localhost:8080"}}, "never asked"},
		"plain http":   {Request{System: Linux, Origins: []string{"http://a.fr"}}, "plain http"},
	} {
		if _, err := Plan(c.r); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWithoutRecord: our own file is recognised by its name; elsewhere nothing is
// removed that may be others'.
func TestWithoutRecord(t *testing.T) {
	root := t.TempDir()
	apply(t, Request{Origins: portals, Root: root})
	if err := os.Remove(filepath.Join(root, recordFile)); err != nil {
		t.Fatal(err)
	}
	apply(t, Request{Root: root})
	if got := tree(t, root); len(got) != 1 || !strings.Contains(got[firefoxFile], "portail") {
		t.Errorf("%q", got)
	}
	write(t, root, recordFile, "{")
	if _, err := Plan(Request{System: Linux, Browsers: All, Root: root}); err == nil || !strings.Contains(err.Error(), recordFile) {
		t.Error(err)
	}
}

// TestLinkAndMode: a file that is a link, as the system in the root has it, stays one, and
// keeps its mode.
func TestLinkAndMode(t *testing.T) {
	root := t.TempDir()
	write(t, root, "/srv/policies.json", `{"policies": {}}`)
	if err := os.Chmod(filepath.Join(root, "/srv/policies.json"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "/etc/firefox/policies"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, firefoxFile)
	if err := os.Symlink("/srv/policies.json", link); err != nil {
		t.Fatal(err)
	}
	apply(t, Request{Origins: portals, Root: root})
	to, err := os.Readlink(link)
	info, statErr := os.Stat(filepath.Join(root, "/srv/policies.json"))
	if err != nil || statErr != nil || to == "" || info.Mode().Perm() != 0o640 || !strings.Contains(tree(t, root)["/srv/policies.json"], "portail") {
		t.Errorf("%q %v %v %v", to, err, statErr, info)
	}
}

func TestPatterns(t *testing.T) {
	for text, want := range map[string][2]string{
		"https://a.fr":               {"https://a.fr:443", "a.fr"},
		"https://a.fr:8443":          {"https://a.fr:8443", "a.fr"},
		"https://*.a.fr":             {"https://[*.]a.fr:443", "*.a.fr"},
		"https://[2001:db8::1]:8443": {"https://[2001:db8::1]:8443", "2001:db8::1"},
	} {
		e, err := parseEntry(text)
		if err != nil || e.chromium() != want[0] || e.firefox() != want[1] {
			t.Errorf("%s: %s %s %v", text, e.chromium(), e.firefox(), err)
		}
		if !chromiumCovers(e.chromium(), e) || !firefoxCovers(e.firefox(), e) {
			t.Errorf("%s does not cover itself", text)
		}
	}
	for _, c := range []struct {
		pattern, entry    string
		chromium, firefox bool
	}{
		{"*", "https://a.fr", true, true},
		{"*", "https://*.a.fr", true, true},
		{"https://a.fr", "https://a.fr:8443", true, false},
		{"https://a.fr:*", "https://a.fr:8443", true, false},
		{"https://a.fr:443", "https://a.fr:8443", false, false},
		{"https://a.fr/x", "https://a.fr", true, false},
		{"a.fr", "https://a.fr", true, true},
		{"*://a.fr", "https://a.fr", true, false},
		{"http://a.fr", "https://a.fr", false, false},
		{"[*.]a.fr", "https://b.a.fr", true, false},
		{"[*.]a.fr", "https://a.fr", true, false},
		{"[*.]a.fr", "https://ba.fr", false, false},
		{"[*.]b.a.fr", "https://*.a.fr", false, false},
		{"[*.]a.fr:443", "https://*.b.a.fr", true, false},
		{"https://a.fr", "https://*.a.fr", false, false},
		{"[*.]", "https://a.fr", false, false},
		{"", "https://a.fr", false, false},
		{"[2001:db8::1]", "https://[2001:db8::1]", true, false},
		{"*.a.fr", "https://b.a.fr", false, true},
		{"*.a.fr", "https://a.fr", false, true},
		{"*.b.a.fr", "https://*.a.fr", false, false},
		{"a.fr", "https://*.a.fr", false, false},
	} {
		e, err := parseEntry(c.entry)
		if err != nil {
			t.Fatal(err)
		}
		if chromiumCovers(c.pattern, e) != c.chromium || firefoxCovers(c.pattern, e) != c.firefox {
			t.Errorf("%s for %s: %v %v", c.pattern, c.entry, !c.chromium, !c.firefox)
		}
	}
}

func TestInForce(t *testing.T) {
	root, home := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	missing := func() map[Browser][]string {
		t.Helper()
		states, err := InForce(root, append(portals, "http://localhost:8080"))
		if err != nil {
			t.Fatal(err)
		}
		m := map[Browser][]string{}
		for _, s := range states {
			if s.Err != nil {
				t.Errorf("%s: %v", s.Browser, s.Err)
			}
			m[s.Browser] = s.Missing
		}
		return m
	}
	for b, list := range missing() {
		if !slices.Equal(list, portals) {
			t.Errorf("without any policy %s misses %v", b, list)
		}
	}
	apply(t, Request{Origins: portals, Root: root})
	for b, list := range missing() {
		if len(list) > 0 {
			t.Errorf("%s misses %v", b, list)
		}
	}
	write(t, root, chromiumDir+"zz.json", `{"LoopbackNetworkAllowedForUrls": ["portail.example.fr"]}`)
	write(t, root, "/etc/opt/edge/policies/managed/zz.json", `{"LoopbackNetworkBlockedForUrls": ["https://portail.example.fr:443"]}`)
	if m := missing(); !slices.Equal(m[Chromium], portals[1:]) || len(m[Edge]) != 0 || len(m[Chrome]) != 0 {
		t.Errorf("hidden by another file: %v", m)
	}
	if states, err := InForce(root, portals); err != nil || !slices.Equal(states[1].Blocked, portals[:1]) || len(states[0].Blocked) != 0 {
		t.Errorf("blocked by another file: %+v %v", states, err)
	}
	write(t, root, "/var/lib/flatpak/exports/bin/org.mozilla.firefox", "")
	write(t, home, ".local/share/flatpak/exports/bin/org.chromium.Chromium", "")
	if states, err := InForce(root, portals); err != nil || len(states) != len(All)+2 ||
		states[4].Browser != Chromium || !errors.Is(states[4].Err, ErrFlatpak) || states[5].Browser != Firefox || !errors.Is(states[5].Err, ErrFlatpak) {
		t.Errorf("%+v %v", states, err)
	}
	write(t, root, firefoxFile, "{")
	states, err := InForce(root, portals)
	if err != nil || !errors.Is(states[3].Err, ErrMalformed) {
		t.Errorf("%+v %v", states, err)
	}
}
