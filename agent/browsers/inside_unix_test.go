//go:build unix

package browsers

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinksOutOfTheRoot: no link of an image has anything of the running system read,
// written or removed: it is refused by name, and what is behind it is as it was.
func TestLinksOutOfTheRoot(t *testing.T) {
	const own = `{"LoopbackNetworkAllowedForUrls": ["https://portail.example.fr:443"]}`
	for name, link := range map[string]struct{ at, file string }{
		"Firefox's folder":    {"/etc/firefox", "policies/policies.json"},
		"Firefox's policies":  {"/etc/firefox/policies", "policies.json"},
		"Firefox's file":      {firefoxFile, ""},
		"Chromium's folder":   {"/etc/chromium", "policies/managed/cpx-bridge.json"},
		"Chromium's policies": {"/etc/chromium/policies/managed", "cpx-bridge.json"},
		"our own file":        {chromiumDir + ownFile, ""},
		"the record's folder": {"/etc/cpx-bridge", "browsers.json"},
		"everything":          {"/etc", "chromium/policies/managed/cpx-bridge.json"},
	} {
		for form, to := range map[string]func(from, to string) string{
			"absolute": func(_, to string) string { return to },
			"relative": func(from, to string) string {
				rel, err := filepath.Rel(filepath.Dir(from), to)
				if err != nil {
					t.Fatal(err)
				}
				return rel
			},
			"itself": func(string, string) string { return link.at },
		} {
			for what, r := range map[string]Request{
				"write": {Origins: portals, Shared: SharedSet}, "remove": {Shared: SharedRemoved}, "shared": {OnlyShared: true, Shared: SharedSet},
			} {
				outside, root := t.TempDir(), t.TempDir()
				text := own
				if link.at == "/etc/cpx-bridge" {
					text = `{"version": 1, "files": []}`
				}
				write(t, outside, filepath.Join("there", link.file), text)
				before := tree(t, outside)
				at := filepath.Join(root, link.at)
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(to(at, filepath.Join(outside, "there")), at)); err != nil {
					t.Fatal(err)
				}
				r.Root, r.System, r.Browsers = root, Linux, All
				changes, err := Plan(r)
				refused := []error{err}
				for _, c := range changes {
					refused = append(refused, c.Apply())
				}
				bad, is := errors.AsType[*LinkError](errors.Join(refused...))
				if !is || bad.Link != at || bad.Root != root {
					t.Errorf("%s, %s, %s: %v", name, form, what, refused)
				}
				if now := tree(t, outside); !maps.Equal(now, before) {
					t.Errorf("%s, %s, %s: outside is now %v", name, form, what, now)
				}
			}
		}
	}
}

// TestLinksInTheRoot: a link is followed as the system in the root follows it, absolute or
// not, and what is taken back is taken from where it leads.
func TestLinksInTheRoot(t *testing.T) {
	for _, target := range []string{"/srv/firefox", "../srv/firefox", "../../../../srv/firefox", "/srv/../srv/./firefox"} {
		root := t.TempDir()
		makeFolders(t, root, "/etc", "/srv/firefox")
		if err := os.Symlink(target, filepath.Join(root, "/etc/firefox")); err != nil {
			t.Fatal(err)
		}
		before := folders(t, root)
		apply(t, Request{Origins: portals, Root: root})
		if text := tree(t, root)["/srv/firefox/policies/policies.json"]; !strings.Contains(text, "portail") {
			t.Errorf("%s: %v", target, tree(t, root))
		}
		states, err := InForce(root, portals)
		if err != nil || len(states[3].Missing) > 0 {
			t.Errorf("%s: %+v, %v", target, states, err)
		}
		apply(t, Request{Root: root})
		if now := folders(t, root); !maps.Equal(now, before) {
			t.Errorf("%s: %v, before: %v", target, now, before)
		}
	}
}

// TestLinkThroughALink: what is missing at the end of a link to a link is not made.
func TestLinkThroughALink(t *testing.T) {
	root := t.TempDir()
	makeFolders(t, root, "/etc", "/srv")
	if err := errors.Join(os.Symlink("/link/none", filepath.Join(root, "/etc/firefox")), os.Symlink("srv", filepath.Join(root, "/link"))); err != nil {
		t.Fatal(err)
	}
	_, err := inside(root, firefoxFile)
	if bad, is := errors.AsType[*LinkError](err); !is || bad.Target != "/link/none" {
		t.Error(err)
	}
}
