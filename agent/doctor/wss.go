package doctor

import (
	"context"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

func (d *doctor) wss(ctx context.Context) []Finding {
	if d.SettingsErr != nil {
		return nil // whether it is wanted is not known
	}
	store := d.localCertificate()
	st, err := store.Status(ctx)
	if err != nil {
		return []Finding{{Code: "wss_damaged", Outcome: Problem, Text: d.Text("doctor.wss_failed", localcert.Why(err, d.Lang))}}
	}
	var found []Finding
	if st.Older > 0 {
		found = append(found, Finding{Code: "wss_left", Outcome: Problem, Text: d.Text("doctor.wss_older", st.Older), Next: d.Text("doctor.wss_older_next")})
	}
	switch {
	case !d.Policy.WSS.Enabled && st.Installed:
		return append(found, Finding{Code: "wss_not_needed", Outcome: Problem, Text: d.Text("doctor.wss_not_needed"), Next: d.Text("doctor.wss_remove")})
	case !d.Policy.WSS.Enabled:
		return append(found, Finding{Code: "wss_off", Outcome: Good, Text: d.Text("doctor.wss_off")})
	}
	if _, err := store.Certificate(ctx); err != nil {
		return append(found, Finding{Code: "wss_no_certificate", Outcome: Problem, Text: d.Text("doctor.wss_failed", localcert.Why(err, d.Lang))})
	}
	end := language.Date(st.End, d.Lang)
	switch {
	case len(st.Missing) > 0:
		return append(found, Finding{Code: "wss_not_trusted", Outcome: Problem, Text: d.Text("doctor.wss_not_trusted", strings.Join(st.Missing, ", ")), Next: d.Text("doctor.wss_install")})
	case st.Renew(d.Now()):
		return append(found, Finding{Code: "wss_ends_soon", Outcome: Problem, Text: d.Text("doctor.wss_ends", end), Next: d.Text("doctor.wss_install")})
	}
	return append(found, Finding{Code: "wss_ready", Outcome: Good, Text: d.Text("doctor.wss_ready", end)})
}

// localCertificate reads the key without asking for it: without the key a certificate is useless.
func (d *doctor) localCertificate() *localcert.Store {
	return localcert.New(localcert.Options{Dir: d.StateDir, Now: d.Now})
}
