package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// readers is what the PC/SC service tells at once.
func readers(ctx context.Context) ([]pcsc.Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan pcsc.Event, 1)
	go pcsc.Watch(ctx, func(e pcsc.Event) {
		select {
		case first <- e:
		default:
		}
	})
	select {
	case e := <-first:
		return e.Readers, e.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cards looks once, as certs does: nothing is logged in to.
func cards(ctx context.Context, p *policy.Effective) ([]pkcs11.ModuleState, pkcs11.Snapshot, error) {
	pool, err := pkcs11.Open(ctx, pkcs11.Options{Modules: p.Modules, Limits: pkcs11.Limits(p.Limits)})
	if err != nil {
		return nil, pkcs11.Snapshot{}, err
	}
	defer pool.Close()
	snapshot, err := pool.List(ctx)
	return pool.Modules(), snapshot, err
}

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
	modules, snapshot, err := d.Cards(ctx)
	var found []Finding
	for _, m := range modules {
		found = append(found, d.module(m))
	}
	if len(modules) == 0 {
		next := fmt.Sprintf(d.words.InstallModule, strings.Join(pkcs11.KnownPlaces(), ", "))
		return []Finding{{Code: "no_module", Outcome: Problem, Text: d.words.NoModule, Next: next}}
	}
	for _, s := range snapshot.Slots {
		found = append(found, d.card(s)...)
	}
	for _, c := range snapshot.Certificates {
		found = append(found, d.certificate(c))
	}
	switch usable := slices.ContainsFunc(snapshot.Certificates, func(c pkcs11.Certificate) bool { return c.Reason == pkcs11.Usable }); {
	case usable:
		found = append(found, Finding{Code: "card_usable", Outcome: Good, Text: d.words.CardUsable})
	case err != nil: // the module's finding says it
	case slices.ContainsFunc(snapshot.Slots, func(s pkcs11.Slot) bool { return s.Token != nil }):
		found = append(found, Finding{Code: "no_usable_certificate", Outcome: Problem, Text: d.words.NoUsable, Next: d.words.NoUsableNext})
	case !slices.ContainsFunc(snapshot.Slots, func(s pkcs11.Slot) bool { return s.Unrecognized }):
		found = append(found, Finding{Code: "no_card", Outcome: Unknown, Text: d.words.NoCard, Next: d.words.InsertCard})
	}
	return found
}

func (d *doctor) module(m pkcs11.ModuleState) Finding {
	if m.Err == nil {
		return Finding{Code: "module_works", Subject: m.Path, Outcome: Good, Text: fmt.Sprintf(d.words.ModuleWorks, m.Path, prompt.Visible(m.Info))}
	}
	f := Finding{Code: "module_failed", Subject: m.Path, Outcome: Problem, Text: fmt.Sprintf(d.words.ModuleFailed, m.Path, prompt.Visible(m.Err.Error())), Next: d.words.ModuleNext}
	if errors.Is(m.Err, pkcs11.ErrNotPKCS11) {
		f.Code, f.Next = "module_not_pkcs11", d.words.ModuleOther
	}
	return f
}

// card is what a card says of its PIN. Its label and number stay out: they name
// a person as well as a name does.
func (d *doctor) card(s pkcs11.Slot) []Finding {
	reader := prompt.Visible(s.Description)
	switch t := s.Token; {
	case s.Unrecognized:
		return []Finding{{Code: "card_unknown", Subject: reader, Outcome: Problem, Text: fmt.Sprintf(d.words.CardUnknown, reader), Next: d.words.CardUnknownNext}}
	case t == nil:
		return nil
	case t.PINLocked:
		return []Finding{{Code: "pin_locked", Subject: reader, Outcome: Problem, Text: fmt.Sprintf(d.words.PINLocked, reader), Next: d.words.PINLockedNext}}
	case t.PINNotSet:
		return []Finding{{Code: "pin_not_set", Subject: reader, Outcome: Problem, Text: fmt.Sprintf(d.words.PINNotSet, reader), Next: d.words.PINNotSetNext}}
	case t.PINFinalTry:
		return []Finding{{Code: "pin_final_try", Subject: reader, Outcome: Problem, Text: fmt.Sprintf(d.words.PINFinalTry, reader), Next: d.words.PINFinalTryNext}}
	case t.PINCountLow:
		return []Finding{{Code: "pin_count_low", Subject: reader, Outcome: Good, Text: fmt.Sprintf(d.words.PINCountLow, reader)}}
	}
	return nil
}

func (d *doctor) certificate(c pkcs11.Certificate) Finding {
	h := agent.Holder(c, d.Lang)
	what := h.Kind
	if what == "" {
		what = d.words.Certificate
	}
	if d.Identity {
		what = strings.TrimSpace(what + " " + h.Name + " " + h.Identifier)
	}
	f := Finding{Code: "certificate_usable", Outcome: Good, Text: fmt.Sprintf(d.words.CertificateIs, prompt.Visible(what), agent.ReasonText(c.Reason, d.Lang), agent.Date(c.X509.NotAfter, d.Lang))}
	switch {
	case c.Reason == pkcs11.Expired:
		f.Code, f.Outcome, f.Next = "certificate_expired", Problem, d.words.RenewCard
	case c.Reason != pkcs11.Usable: // every card has some that are for other things
		f.Code = "certificate_" + string(c.Reason)
	case h.Renew:
		f.Code, f.Outcome, f.Next = "certificate_ends_soon", Problem, d.words.RenewCard
	}
	return f
}
