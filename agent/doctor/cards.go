package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

func (d *doctor) pcsc(ctx context.Context) []Finding {
	list, err := d.Readers(ctx)
	switch {
	case errors.Is(err, pcsc.ErrNoLibrary):
		return []Finding{{Code: "no_pcsc_library", Outcome: Problem, Text: d.words.NoPCSCLibrary, Next: d.words.InstallPCSC}}
	case err != nil:
		return []Finding{{Code: "no_pcsc_service", Outcome: Problem, Text: d.words.NoPCSC, Next: d.words.StartPCSC}}
	case len(list) == 0:
		return []Finding{{Code: "no_reader", Outcome: Problem, Text: d.words.NoReader, Next: d.words.PlugReader}}
	}
	found := []Finding{{Code: "pcsc_runs", Outcome: Good, Text: d.words.PCSCRuns}}
	for _, r := range list {
		text := d.words.ReaderEmpty
		if r.Present {
			text = d.words.ReaderCard
		}
		found = append(found, Finding{Code: "reader", Subject: prompt.Visible(r.Name), Outcome: Good, Text: fmt.Sprintf(text, prompt.Visible(r.Name))})
	}
	return found
}

func (d *doctor) cards(ctx context.Context) []Finding {
	r, err := d.Cards(ctx)
	if len(r.Modules) == 0 {
		next := fmt.Sprintf(d.words.InstallModule, strings.Join(pkcs11.KnownPlaces(), ", "))
		return []Finding{{Code: "no_module", Outcome: Problem, Text: d.words.NoModule, Next: next}}
	}
	var found []Finding
	for _, m := range r.Modules {
		found = append(found, d.module(m))
	}
	for _, reader := range r.Readers {
		found = append(found, d.card(reader)...)
	}
	for _, c := range r.Certificates {
		found = append(found, d.certificate(c))
	}
	unknown := slices.ContainsFunc(r.Readers, func(r agent.ReaderReport) bool { return r.Unknown })
	switch {
	case slices.ContainsFunc(r.Certificates, func(c agent.CertificateReport) bool { return c.Usable }):
		found = append(found, Finding{Code: "card_usable", Outcome: Good, Text: d.words.CardUsable})
	case err != nil: // the module's finding says it
	case slices.ContainsFunc(r.Readers, func(r agent.ReaderReport) bool { return r.Card != "" }):
		found = append(found, Finding{Code: "no_usable_certificate", Outcome: Problem, Text: d.words.NoUsable, Next: d.words.NoUsableNext})
	case !unknown:
		found = append(found, Finding{Code: "no_card", Outcome: Unknown, Text: d.words.NoCard, Next: d.words.InsertCard})
	}
	return found
}

func (d *doctor) module(m agent.ModuleReport) Finding {
	if m.Error == "" {
		return Finding{Code: "module_works", Subject: m.Path, Outcome: Good, Text: fmt.Sprintf(d.words.ModuleWorks, m.Path, prompt.Visible(m.Info))}
	}
	f := Finding{Code: "module_failed", Subject: m.Path, Outcome: Problem, Text: fmt.Sprintf(d.words.ModuleFailed, m.Path, prompt.Visible(m.Error)), Next: d.words.ModuleNext}
	if m.Reason == "not_pkcs11" {
		f.Code, f.Next = "module_not_pkcs11", d.words.ModuleOther
	}
	return f
}

// card is what a card says of its PIN. Its label and number stay out: they name
// a person as well as a name does.
func (d *doctor) card(r agent.ReaderReport) []Finding {
	reader := prompt.Visible(r.Name)
	f := Finding{Subject: reader, Outcome: Problem}
	say := func(code, text, next string) { f.Code, f.Text, f.Next = code, fmt.Sprintf(text, reader), next }
	switch {
	case r.Unknown:
		say("card_unknown", d.words.CardUnknown, d.words.CardUnknownNext)
	case r.PIN == agent.PINLocked:
		say("pin_locked", d.words.PINLocked, d.words.PINLockedNext)
	case r.PIN == agent.PINNotSet:
		say("pin_not_set", d.words.PINNotSet, d.words.PINNotSetNext)
	case r.PIN == agent.PINFinalTry:
		say("pin_final_try", d.words.PINFinalTry, d.words.PINFinalTryNext)
	case r.PIN == agent.PINCountLow:
		say("pin_count_low", d.words.PINCountLow, "")
		f.Outcome = Good
	default:
		return nil
	}
	return []Finding{f}
}

func (d *doctor) certificate(c agent.CertificateReport) Finding {
	what := c.Kind
	if what == "" {
		what = d.words.Certificate
	}
	if d.Identity {
		what = strings.TrimSpace(what + " " + c.Holder + " " + c.Identifier)
	}
	reason := pkcs11.Reason(c.Reason)
	f := Finding{Code: "certificate_usable", Outcome: Good, Text: fmt.Sprintf(d.words.CertificateIs, prompt.Visible(what), agent.ReasonText(reason, d.Lang), agent.Date(c.NotAfter, d.Lang))}
	switch {
	case reason == pkcs11.Expired:
		f.Code, f.Outcome, f.Next = "certificate_expired", Problem, d.words.RenewCard
	case reason != pkcs11.Usable: // every card has some that are for other things
		f.Code = "certificate_" + c.Reason
	case c.Renew:
		f.Code, f.Outcome, f.Next = "certificate_ends_soon", Problem, d.words.RenewCard
	}
	return f
}
