package doctor

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func (d *doctor) cards(ctx context.Context) []Finding {
	r, err := d.Cards(ctx)
	overdue := Finding{Code: "cards_late", Outcome: Unknown, Text: r.NotCurrent(d.Lang), Next: d.Text("doctor.ask_again")}
	if r.Reading {
		var found []Finding
		for _, m := range r.Modules { // one may keep the reading from its end
			if m.Opening || m.Error != "" {
				found = append(found, d.module(m))
			}
		}
		return append(found, overdue)
	}
	if len(r.Modules) == 0 {
		if d.SettingsErr != nil {
			return []Finding{{Code: "no_module", Outcome: Unknown, Text: d.Text("doctor.no_module_known"), Next: d.Text("doctor.settings_first")}}
		}
		next := d.Text("doctor.install_module", strings.Join(pkcs11.KnownPaths(), ", "))
		return []Finding{{Code: "no_module", Outcome: Problem, Text: d.Text("doctor.no_module"), Next: next}}
	}
	unfit := unfit(r)
	usable := slices.ContainsFunc(r.Certificates, func(c state.Certificate) bool {
		return c.Usable && c.PIN != state.PINLockedOrInUse && !unfit(c)
	})
	var found []Finding
	for _, m := range r.Modules {
		found = append(found, d.module(m))
		if refused, bad := d.Policy.Owners("modules", m.Path); bad != nil && !refused && !bad.Missing {
			found = append(found, d.writable("module_writable", "doctor.module_writable", bad))
		}
		if m.Error == "" && failsWithCPS(m.Info) {
			f := Finding{Code: "module_fails_with_cps", Subject: m.Path, Outcome: Notice,
				Text: d.Text("doctor.module_fails_with_cps", m.Path), Next: d.Text("doctor.module_fails_with_cps_next")}
			if !usable && slices.ContainsFunc(r.Certificates, unfit) {
				f.Outcome = Problem
			}
			found = append(found, f)
		}
	}
	for _, reader := range r.Readers {
		found = append(found, d.card(reader)...)
		if reader.Error != "" {
			name := visible.Text(reader.Name)
			found = append(found, Finding{Code: "card_failed", Subject: name, Outcome: Problem, Text: d.Text("doctor.card_failed", name, state.InBrackets(visible.Text(reader.Said()))), Next: d.Text("doctor.card_failed_next")})
		}
		if reader.Hidden {
			name := visible.Text(reader.Name)
			found = append(found, Finding{Code: "certificates_hidden", Subject: name, Outcome: Problem, Text: d.Text("doctor.hidden", name), Next: d.Text("doctor.hidden_next")})
		}
	}
	numbers := map[string]int{} // of each reader's certificates, which no name distinguishes
	for _, c := range r.Certificates {
		numbers[c.Reader]++
		found = append(found, d.certificate(c, numbers[c.Reader], unfit(c)))
	}
	chosen, fails := unusableChoice(r)
	if usable {
		d.downgrade(found, chosen, fails)
	}
	if r.Outdated {
		found = append(found, overdue)
	}
	has := func(is func(state.Reader) bool) bool { return slices.ContainsFunc(r.Readers, is) }
	switch {
	case usable && fails: // the certificate's own line says what the next login does
	case usable:
		found = append(found, Finding{Code: "card_usable", Outcome: Good, Text: d.Text("doctor.card_usable")})
	case len(r.Usable()) > 0: // perhaps, or not with this module: the reader's or the module's own line says so
	case err != nil, r.Outdated: // another finding says so
	case has(func(r state.Reader) bool { return r.Card != "" }):
		found = append(found, Finding{Code: "no_usable_certificate", Outcome: Problem, Text: d.Text("doctor.no_usable"), Next: d.noUsableNext(found)})
	case !has(func(r state.Reader) bool { return r.Unknown || r.Contactless }) && r.PCSC == "" && (len(r.Readers) > 0 || d.anyReader(ctx)):
		found = append(found, Finding{Code: "no_card", Outcome: Unknown, Text: d.Text("doctor.no_card"), Next: d.Text("doctor.insert_card")})
	}
	return found
}

// noUsableNext is what to do where no certificate is usable: what another finding
// advises, or where none does, another card.
func (d *doctor) noUsableNext(found []Finding) string {
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Outcome == Problem && f.Next != "" }) {
		return d.Text("doctor.no_usable_above")
	}
	return d.Text("doctor.no_usable_next")
}

// unfit reports whether a certificate that is usable by itself cannot serve because of its
// module: one that gives another card's, or that fails with this kind of card.
func unfit(r state.Cards) func(c state.Certificate) bool {
	cached, fails := map[string]bool{}, map[string]bool{} // by module, then by reader
	for _, m := range r.Modules {
		cached[m.Path] = m.Reason == "stale_cache"
		fails[m.Path] = m.Error == "" && failsWithCPS(m.Info)
	}
	for _, reader := range r.Readers {
		cached[reader.Name], fails[reader.Name] = cached[reader.Module], fails[reader.Module]
	}
	return func(c state.Certificate) bool {
		return c.Usable && (cached[c.Reader] || fails[c.Reader] && c.Kind != "")
	}
}

// unusableChoice is the chosen certificate where it is unusable: the next login fails.
func unusableChoice(r state.Cards) (state.Certificate, bool) {
	i := slices.IndexFunc(r.Certificates, func(c state.Certificate) bool { return c.Chosen && !c.Usable })
	if i < 0 {
		return state.Certificate{}, false
	}
	return r.Certificates[i], true
}

// downgrade makes notices of the problems of cards where another one serves: they
// prevent no login. Those of the chosen card do, because no other is tried.
func (d *doctor) downgrade(found []Finding, chosen state.Certificate, fails bool) {
	reader := visible.Text(chosen.Reader)
	for i := range found {
		f := &found[i]
		switch {
		case strings.HasPrefix(f.Code, "module_"): // one that is named in the settings and does nothing is to be mended
		case fails && f.Subject == reader && f.Code == "certificate_"+chosen.Reason:
			f.Outcome, f.Next = Problem, d.Text("doctor.chosen_next")
		case fails && f.Subject == reader && f.Code == chosen.Reason: // the reader's own line
		case f.Outcome == Problem:
			f.Outcome = Notice
		}
	}
}

// anyReader asks PC/SC, because a module need not name a reader without a card.
// Where there is no reader or no service, the finding on PC/SC says so.
func (d *doctor) anyReader(ctx context.Context) bool {
	list, err := d.Readers(ctx)
	return err == nil && len(list) > 0
}

// failsWithCPS reports whether a module, by what it says of itself, ends each login with
// a CPS card: OpenSC 0.26 forgets what it has read of such a card's PIN, as the
// conformance table shows. It lists the card's certificates all the same.
func failsWithCPS(info string) bool {
	return strings.Contains(info, "OpenSC") && strings.Contains(info, " 0.26,")
}

func (d *doctor) module(m state.Module) Finding {
	switch {
	case m.Opening:
		return Finding{Code: "module_opening", Subject: m.Path, Outcome: Unknown, Text: d.Text("doctor.module_opening", m.Path), Next: d.Text("doctor.ask_again")}
	case m.Error == "":
		return Finding{Code: "module_works", Subject: m.Path, Outcome: Good, Text: d.Text("doctor.module_works", m.Path, visible.Text(m.Info))}
	}
	f := Finding{Code: "module_" + m.Reason, Subject: m.Path, Outcome: Problem}
	said := state.InBrackets(visible.Text(m.Said()))
	switch m.Reason {
	case "not_pkcs11":
		f.Text, f.Next = d.Text("doctor.module_failed", m.Path, said), d.Text("doctor.module_other")
	case "hanging":
		f.Text, f.Next = d.Text("doctor.module_hanging", m.Path, said), d.Text(d.key("doctor.module_hanging_next", "doctor.module_hanging_windows"))
	case "stale_cache":
		f.Text, f.Next = d.Text("doctor.module_stale_cache", m.Path, said), d.Text("doctor.module_stale_cache_somewhere")
		if folder := pkcs11.CacheFolder(m.Path, m.Info); folder != "" {
			f.Next = d.Text("doctor.module_stale_cache_in", folder)
			if pkcs11.OwnCache(folder) {
				f.Next = d.Text("doctor.module_stale_cache_own", folder)
			}
		}
	case "missing_dependency":
		f.Text, f.Next = d.Text("doctor.module_dependency", m.Path, said), d.Text("doctor.module_dependency_next")
		if d.windows() {
			f.Next = d.Text("doctor.module_dependency_windows", runtime.GOARCH)
		}
	case "wrong_architecture":
		f.Text = d.Text("doctor.module_architecture", m.Path, said)
		f.Next = d.Text(d.key("doctor.module_architecture_next", "doctor.module_architecture_windows"), runtime.GOOS+"/"+runtime.GOARCH, strings.Join(pkcs11.KnownPaths(), ", "))
	case "untrusted_owner":
		f.Text, f.Next = d.Text("doctor.module_untrusted_then", m.Path), d.Text("doctor.module_untrusted_next")
		switch _, bad := d.Policy.Owners("modules", m.Path); {
		case bad == nil:
		case bad.Missing: // by now
			f.Code, f.Text, f.Next = "module_failed", d.Text("doctor.module_missing", m.Path), d.Text("doctor.module_next")
		default:
			text := texts.Key("doctor.module_untrusted")
			if d.ofEverybody() && !d.Policy.Fixed("modules") {
				text = "doctor.module_untrusted_everyone"
			}
			f.Text, f.Next = d.Text(text, m.Path, bad.Why(d.Catalogue)), bad.Next(d.Catalogue)
		}
	case "no_module":
		f.Code, f.Text, f.Next = "module_failed", d.Text("doctor.module_missing", m.Path), d.Text("doctor.module_next")
	case "not_loadable":
		f.Text, f.Next = d.Text("doctor.module_not_loadable", m.Path, said), d.Text(d.key("doctor.module_not_loadable_next", "doctor.module_not_loadable_windows"))
	default:
		f.Code, f.Text, f.Next = "module_failed", d.Text("doctor.module_failed", m.Path, said), d.Text("doctor.module_next")
	}
	return f
}

// card reports on the PIN of a reader's card. The card's label and number stay
// out: they identify a person as well as a name does.
func (d *doctor) card(r state.Reader) []Finding {
	reader := visible.Text(r.Name)
	f := Finding{Subject: reader, Outcome: Problem}
	say := func(code string, text texts.Key, next string) {
		f.Code, f.Text, f.Next = code, d.Text(text, reader), next
	}
	switch {
	case r.Mute:
		say("card_mute", "doctor.card_mute", d.Text("doctor.card_mute_next"))
	case r.Contactless:
		say("card_contactless", "doctor.card_contactless", d.Text("doctor.card_contactless_next"))
	case r.Unknown:
		say("card_unknown", "doctor.card_unknown", d.Text("doctor.card_unknown_next"))
	case r.PIN == state.PINLocked:
		say("pin_locked", "doctor.pin_locked", d.Text("doctor.pin_locked_next"))
	case r.PIN == state.PINLockedOrInUse:
		say("pin_locked_or_in_use", "doctor.pin_locked_or_in_use", d.Text("doctor.pin_locked_or_in_use_next"))
		f.Outcome = Unknown
	case r.PIN == state.PINNotSet:
		say("pin_not_set", "doctor.pin_not_set", d.Text("doctor.pin_not_set_next"))
	case r.PIN == state.PINExpired:
		say("pin_expired", "doctor.pin_expired", d.Text("doctor.pin_expired_next"))
	case r.PIN == state.PINFinalTry:
		say("pin_final_try", "doctor.pin_final_try", d.Text("doctor.pin_final_try_next"))
		f.Outcome = Notice
	case r.PIN == state.PINCountLow:
		say("pin_count_low", "doctor.pin_count_low", d.Text("doctor.pin_final_try_next"))
		f.Outcome = Notice
	default:
		return nil
	}
	return []Finding{f}
}

// certificate reports on the n-th certificate of its reader. What is refused has no good
// mark, whoever's fault that is.
func (d *doctor) certificate(c state.Certificate, n int, unfit bool) Finding {
	what := c.Kind
	if what == "" {
		what = d.Text("doctor.a_certificate")
	}
	if d.Identity {
		what = strings.TrimSpace(what + " " + c.Holder + " " + c.Identifier)
	}
	reader := visible.Text(c.Reader)
	f := Finding{Code: "certificate_usable", Subject: reader, Outcome: Good}
	how := d.Text("doctor.until", state.ReasonText(c.Reason, d.Lang), language.Date(c.NotAfter, d.Lang))
	if c.Reason != "" { // every card has certificates for other purposes
		f.Code = "certificate_" + c.Reason
	}
	switch c.Reason {
	case state.ReasonUsable:
		switch {
		case unfit:
			f.Code, f.Outcome, how = "certificate_by_module", Notice, d.Text("doctor.not_by_module")
		case c.PIN == state.PINLockedOrInUse:
			f.Outcome, how = Unknown, d.Text("doctor.until_unless", language.Date(c.NotAfter, d.Lang))
		case c.Renew:
			f.Code, f.Outcome, f.Next = "certificate_ends_soon", Notice, d.Text("doctor.renew_card")
		}
	case state.ReasonKeyWithoutPIN:
		f.Outcome, how = Notice, state.ReasonText(c.Reason, d.Lang)
	case state.ReasonExpired:
		f.Outcome, f.Next = Problem, d.Text("doctor.renew_card")
		how = d.Text("doctor.expired_on", language.Date(c.NotAfter, d.Lang))
	case state.ReasonUnreadable:
		f.Outcome, f.Next = Problem, d.Text("doctor.unreadable_next")
		how = d.Text("doctor.unreadable")
	case state.ReasonNoKey:
		f.Outcome, f.Next = Problem, d.Text("doctor.no_key_next")
		how = state.ReasonText(c.Reason, d.Lang)
	case state.ReasonKeyUnsupported:
		f.Outcome, f.Next = Problem, d.Text("doctor.key_unsupported_next")
		how = state.ReasonText(c.Reason, d.Lang)
	case state.ReasonNotYetValid:
		f.Outcome = Notice
		how = d.Text("doctor.valid_from", language.Date(c.NotBefore, d.Lang))
	case state.ReasonNotForAuthentication:
		how = d.Text("doctor.other_use")
	case state.ReasonPINLocked, state.ReasonPINNotSet, state.ReasonPINExpired:
		f.Outcome = Notice // the reader's own line says what to do
	}
	f.Text = d.Text("doctor.certificate_is", reader, n, visible.Text(what), how)
	return f
}
