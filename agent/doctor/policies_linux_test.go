package doctor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

func TestBrowsers(t *testing.T) {
	bin := t.TempDir()
	for _, program := range []string{"chromium", "firefox"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv("HOME", t.TempDir())
	const portals = "[origins]\nallow = [\"https://portail.example.fr\", \"https://*.groupe.example.fr\", \"http://localhost:8443\"]\n"
	o := healthy(t)
	o.Policy = load(t, "", portals)
	r := Run(t.Context(), o)
	if f := find(t, r, "policy_none"); f.Outcome != Good || strings.Contains(text(t, r), "portail.example.fr") {
		t.Errorf("a person's own list: %+v", f)
	}
	// Browsers never ask about this machine's own pages, whatever the policy.
	for _, machine := range []string{"", "[origins]\nallow = [\"http://localhost:8460\"]\n"} {
		o.Policy = load(t, machine, "[origins]\nallow = [\"http://localhost:8460\"]\n")
		r = Run(t.Context(), o)
		if f := find(t, r, "portals_local"); f.Outcome != Good || slices.Contains(codes(r), "policy_in_force") {
			t.Errorf("%+v in %v", f, codes(r))
		}
	}
	o.Policy = load(t, portals, "")
	if f := find(t, Run(t.Context(), o), "policy_missing"); f.Outcome != Problem || strings.Contains(f.Next, "localhost") {
		t.Errorf("%+v", f)
	}
	// One portal is in the policy already: the proposed command names it too.
	one, err := browsers.Plan(browsers.Request{Origins: o.Policy.Origins.Allow[:1], System: browsers.Linux, Browsers: browsers.All, Root: o.Root})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range one {
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	f := find(t, Run(t.Context(), o), "policy_missing")
	_, proposed, _ := strings.Cut(f.Next, "cpx-agent ")
	arguments, err := exec.Command("/bin/sh", "-c", "cd / && printf '%s ' "+proposed).Output()
	if want := "policy browsers --origin https://portail.example.fr --origin https://*.groupe.example.fr --write "; err != nil || string(arguments) != want {
		t.Errorf("a shell expands %q to %q, want %q: %v", proposed, arguments, want, err)
	}
	if proposed != `policy browsers --origin "https://portail.example.fr" --origin "https://*.groupe.example.fr" --write` {
		t.Errorf("not quoted for every shell: %q", proposed)
	}
	changes, err := browsers.Plan(browsers.Request{Origins: o.Policy.Origins.Allow[:2], System: browsers.Linux, Browsers: browsers.All, Root: o.Root})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	r = Run(t.Context(), o)
	var subjects []string
	for _, f := range r.Findings {
		if f.Code == "policy_in_force" {
			subjects = append(subjects, f.Subject)
		}
	}
	if !slices.Equal(subjects, []string{"chromium", "firefox"}) { // the installed ones
		t.Errorf("%v in %v", subjects, codes(r))
	}
	block := filepath.Join(o.Root, "/etc/chromium/policies/managed/block.json")
	if err := os.WriteFile(block, []byte(`{"LoopbackNetworkBlockedForUrls": ["https://portail.example.fr:443"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	// The browser does not ask then, even where only the person names the portal.
	for _, p := range []*policy.Effective{o.Policy, load(t, "", portals)} {
		o := o
		o.Policy = p
		if f := find(t, Run(t.Context(), o), "policy_blocks"); f.Outcome != Problem || f.Subject != "chromium" || strings.Contains(f.Text, "portail") {
			t.Errorf("%+v", f)
		}
	}
	if err := os.WriteFile(filepath.Join(o.Root, "/etc/firefox/policies/policies.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	find(t, Run(t.Context(), o), "policy_malformed")
	t.Setenv("PATH", t.TempDir())
	find(t, Run(t.Context(), o), "no_browser")
	exports := filepath.Join(o.Root, "/var/lib/flatpak/exports/bin")
	if err := errors.Join(os.MkdirAll(exports, 0o755), os.WriteFile(filepath.Join(exports, "org.mozilla.firefox"), nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	if f := find(t, Run(t.Context(), o), "policy_flatpak"); f.Outcome != Unknown || f.Subject != "firefox" || f.Next == "" {
		t.Errorf("%+v", f)
	}
}
