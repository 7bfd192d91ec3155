package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
)

// browsers reports on the browsers' policies. Without one the browser asks the
// person, which is a problem only where an administrator names the portals.
func (d *doctor) browsers(context.Context) []Finding {
	if d.SettingsErr != nil {
		return nil // which portals they name is not known
	}
	origins := d.Policy.Origins.Allow
	if len(origins) == 0 {
		return []Finding{{Code: "no_portal_named", Outcome: Good, Text: d.Text("doctor.no_portals")}}
	}
	if len(browsers.Expressible(origins)) == 0 { // no browser asks about these, whatever its policy
		return []Finding{{Code: "portals_local", Outcome: Good, Text: d.Text("doctor.portals_local")}}
	}
	states, err := browsers.InForce(d.Root, origins)
	if err != nil {
		return []Finding{{Code: "policy_unknown", Outcome: Unknown, Text: d.Text("doctor.policy_unknown", "", err)}}
	}
	var found []Finding
	for _, s := range states {
		if s.Installed {
			found = append(found, d.browser(s))
		}
	}
	if len(found) == 0 {
		return []Finding{{Code: "no_browser", Outcome: Unknown, Text: d.Text("doctor.no_browser")}}
	}
	return found
}

func (d *doctor) browser(s browsers.State) Finding {
	f := Finding{Code: "policy_in_force", Subject: string(s.Browser), Outcome: Good, Text: d.Text("doctor.policy_in_force", s.Browser.Name())}
	switch {
	case errors.Is(s.Err, browsers.ErrMalformed):
		f.Code, f.Outcome, f.Text, f.Next = "policy_malformed", Problem, d.Text("doctor.policy_malformed", s.Browser.Name(), s.Where), d.Text("doctor.mend_policy")
	case errors.Is(s.Err, browsers.ErrFlatpak):
		f.Code, f.Outcome, f.Text, f.Next = "policy_flatpak", Unknown, d.Text("doctor.policy_flatpak", s.Browser.Name()), d.Text("doctor.flatpak_next")
	case s.Err != nil:
		f.Code, f.Outcome, f.Text = "policy_unknown", Unknown, d.Text("doctor.policy_unknown", s.Browser.Name(), s.Err)
	case len(s.Blocked) > 0:
		f.Code, f.Outcome = "policy_blocks", Problem
		f.Text, f.Next = d.Text("doctor.policy_blocks", s.Browser.Name(), len(s.Blocked), s.Where), d.Text("doctor.unblock_policy")
	case len(s.Missing) > 0 && d.Policy.Managed():
		f.Code, f.Outcome = "policy_missing", Problem
		f.Text, f.Next = d.Text("doctor.policy_missing", s.Browser.Name(), strings.Join(s.Missing, ", ")), d.Text("doctor.write_policy", d.originOptions())
	case len(s.Missing) > 0: // no origins in the text: a person's list shows where they log in
		f.Code, f.Text = "policy_none", d.Text("doctor.browser_asks", s.Browser.Name())
	}
	return f
}

// originOptions name every portal of the settings, because what is written replaces
// the entries from before. In double quotes no shell expands a wildcard, Windows'
// ones included, and no entry of the settings holds a character special in them.
func (d *doctor) originOptions() string {
	var options []string
	for _, o := range browsers.Expressible(d.Policy.Origins.Allow) {
		options = append(options, `--origin "`+o+`"`)
	}
	return strings.Join(options, " ")
}
