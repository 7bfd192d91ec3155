package doctor

import (
	"context"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func (d *doctor) pcsc(ctx context.Context) []Finding {
	list, err := d.Readers(ctx)
	switch {
	case err != nil && d.windows():
		return []Finding{d.pcscOfWindows(err)}
	case errors.Is(err, pcsc.ErrNoLibrary):
		return []Finding{{Code: "no_pcsc_library", Outcome: Problem, Text: d.Text("doctor.no_pcsc_library"), Next: d.Text("doctor.install_pcsc")}}
	case errors.Is(err, pcsc.ErrRefused):
		return []Finding{{Code: "pcsc_no_permission", Outcome: Problem, Text: d.Text("doctor.pcsc_no_permission"), Next: d.Text("doctor.pcsc_allow")}}
	case err != nil:
		return []Finding{{Code: "no_pcsc_service", Outcome: Problem, Text: d.Text("doctor.no_pcsc"), Next: d.Text("doctor.start_pcsc")}}
	case len(list) == 0:
		return []Finding{d.noReader("doctor.no_reader")}
	}
	found := []Finding{{Code: "pcsc_runs", Outcome: Good, Text: d.Text("doctor.pcsc_runs")}}
	for _, r := range list {
		text := texts.Key("doctor.reader_empty")
		if r.Present {
			text = "doctor.reader_card"
		}
		found = append(found, Finding{Code: "reader", Subject: visible.Text(r.Name), Outcome: Good, Text: d.Text(text, visible.Text(r.Name))})
	}
	return found
}

// noReader advises what brings a reader: over a remote desktop that is not its cable.
func (d *doctor) noReader(text texts.Key) Finding {
	f := Finding{Code: "no_reader", Outcome: Problem, Text: d.Text(text), Next: d.Text(d.key("doctor.plug_reader", "doctor.plug_reader_windows"))}
	if d.Remote != nil && d.Remote() {
		f.Next = d.Text("doctor.redirect_reader")
	}
	return f
}

// Service is how a service of Windows is.
type Service string

// The states of a service, as far as they matter here.
const (
	ServiceRuns     Service = "runs"
	ServiceStopped  Service = "stopped"
	ServiceDisabled Service = "disabled"
	ServiceMissing  Service = "missing"
)

// pcscOfWindows explains that no readers are told: Windows stops the service with its
// last reader, and starts it with the first, so that a stopped one is no fault.
func (d *doctor) pcscOfWindows(err error) Finding {
	f := Finding{Code: "no_pcsc_service", Outcome: Problem, Text: d.Text("doctor.no_pcsc"), Next: d.Text("doctor.restart_pcsc_windows")}
	if errors.Is(err, pcsc.ErrNoLibrary) {
		f.Code, f.Text, f.Next = "no_pcsc_library", d.Text("doctor.no_pcsc_library"), d.Text("doctor.repair_windows")
		return f
	}
	state, _ := d.PCSCService() // unknown: as if it ran
	switch {
	case state == ServiceDisabled:
		f.Code, f.Text, f.Next = "pcsc_disabled", d.Text("doctor.pcsc_disabled"), d.Text("doctor.enable_pcsc_windows")
	case state == ServiceMissing:
		f.Code, f.Text, f.Next = "no_pcsc_library", d.Text("doctor.pcsc_missing"), d.Text("doctor.repair_windows")
	case state == ServiceStopped:
		return d.noReader("doctor.no_reader_windows")
	case errors.Is(err, pcsc.ErrRefused):
		f.Code, f.Text, f.Next = "pcsc_no_permission", d.Text("doctor.pcsc_no_permission"), d.Text("doctor.pcsc_allow_windows")
	}
	return f
}
