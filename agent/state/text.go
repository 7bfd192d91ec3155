package state

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// lines are what a state becomes in words, one line a thing.
type lines struct {
	texts.Catalogue
	lang string
	b    strings.Builder
}

func newLines(lang string) *lines { return &lines{Catalogue: texts.In(lang), lang: lang} }

// add adds a line of parts. What a card or a module says neither steers a terminal
// nor makes a line of its own.
func (l *lines) add(parts ...string) {
	text := strings.TrimRight(strings.Join(parts, "  "), " ")
	l.b.WriteString(visible.Text(oneLine.Replace(text)) + "\n")
}

// oneLine keeps a line one line; the space that does not break is for windows.
var oneLine = strings.NewReplacer("\n", "; ", "\u00a0", " ")

// Text is the state in words, for a window or a terminal: what a person asks about
// comes first.
func (s State) Text(lang string) string {
	l := newLines(lang)
	l.add(l.Text("state.running", s.Version, s.PID))
	if text := s.ReplacedText(lang); text != "" {
		l.add(text)
	}
	l.cards(s.Cards)
	if s.Failure != nil {
		l.add(l.Text("state.failure", InBrackets(said(s.Failure.Detail, ""))))
	}
	if s.SitesKnown && s.SitesFailure == nil {
		l.add(l.Text("state.sites", len(s.Sites)))
	}
	if len(s.Never) > 0 {
		l.add(l.Text("state.never", len(s.Never)))
	}
	if s.SitesFailure != nil {
		l.add(s.SitesFailure.SitesText(lang))
	}
	if text := s.PauseText(lang); text != "" {
		l.add(text, l.Text("state.sites_paused_next"))
	}
	if len(s.Failures) > 0 {
		l.add(l.Text("state.last_failures"))
	}
	for _, f := range s.Failures {
		l.add("", f.text(lang))
	}
	l.modules(s.Cards)
	if s.SettingsFailure != nil {
		l.add(l.Text("state.settings_refused", s.SettingsFailure.Detail))
	}
	if len(s.Ignored) > 0 {
		l.add(l.Text("state.not_taken"))
	}
	for _, n := range s.Ignored {
		l.add("", l.Text("state.setting", n.File, n.Line, n.Key))
	}
	l.addresses(s)
	switch {
	case s.LogFailure != nil:
		l.add(s.LogFailure.LogText(lang, s.Log))
	case s.Log != "":
		l.add(l.Text("state.log", s.Log))
	}
	return l.b.String()
}

func (l *lines) modules(c Cards) {
	l.add(l.Text("state.modules"))
	for _, m := range c.Modules {
		l.add("", m.Path, l.module(m))
	}
	if len(c.Modules) == 0 {
		l.add("", l.Text("state.none"))
	}
}

func (l *lines) module(m Module) string {
	switch {
	case m.Opening:
		return l.Text("state.opening")
	case m.Error == "":
		return m.Info
	}
	what, ok := l.Code("state.module", m.Reason)
	if !ok {
		what, _ = l.Code("state.module", "failed")
	}
	return what + InBrackets(m.Said())
}

// Said is what the module or the system said of a module's failure, in English, without
// what a sentence about it says already: its kind and the path. "" where that is all.
func (m Module) Said() string { return said(m.Error, m.Path) }

// Said is the same of a reader's card.
func (r Reader) Said() string { return said(r.Error, r.Module) }

// said takes a failure of package pkcs11 apart, which is written "pkcs11: kind: call:
// reason (path)", perhaps with one kind in another.
func said(text, path string) string {
	text = strings.TrimSuffix(text, " ("+path+")")
	for strings.HasPrefix(text, "pkcs11: ") {
		_, text, _ = strings.Cut(strings.TrimPrefix(text, "pkcs11: "), ": ")
	}
	return strings.TrimPrefix(text, "load: ")
}

// InBrackets is what follows a sentence in another language than its own: what a system or
// a module said. "" of nothing.
func InBrackets(said string) string {
	if said == "" {
		return ""
	}
	return " (" + said + ")"
}

func (l *lines) addresses(s State) {
	l.add(l.Text("state.addresses", strings.Join(s.Addresses, ", ")))
	if len(s.WSS) > 0 {
		l.add(l.Text("state.wss", strings.Join(s.WSS, ", ")))
	}
	if s.WSSFailure != nil {
		l.add(l.Text("state.no_wss", s.WSSFailure.WSSText(l.lang)))
	}
}

// PauseText says until when nobody is asked about sites that are not allowed, "" where
// they are asked about.
func (s State) PauseText(lang string) string {
	if s.UnknownSitesPaused.IsZero() {
		return ""
	}
	return texts.In(lang).Text("state.sites_paused", s.UnknownSitesPaused.Local().Format("15:04"))
}

// SitesText says why no site is remembered: the text of the reason, or the detail
// where there is none.
func (f Failure) SitesText(lang string) string { return f.sitesText(lang, runtime.GOOS) }

// sitesText is SitesText on a system: Windows' keyring has a name that people find there.
func (f Failure) sitesText(lang, system string) string {
	if text, ok := texts.In(lang).Code("sites.windows", f.Reason); ok && system == "windows" {
		return text
	}
	if text, ok := texts.In(lang).Code("sites.why", f.Reason); ok {
		return text
	}
	return f.Detail
}

// WSSText says why the encrypted socket is not served, likewise.
func (f Failure) WSSText(lang string) string {
	if text, ok := texts.In(lang).Code("localcert", f.Reason); ok {
		return text
	}
	if text, ok := texts.In(lang).Code("keyring", f.Reason); ok {
		return text
	}
	return f.Detail
}

// LogText says why no log is written to the file.
func (f Failure) LogText(lang, file string) string {
	if f.Reason == "log_full" {
		return texts.In(lang).Text("journal.full", filepath.Dir(file))
	}
	if f.Reason == "audit_log_refused" {
		return texts.In(lang).Text("journal.audit_refused", filepath.Dir(file), InBrackets(f.bySystem()))
	}
	return texts.In(lang).Text("journal.refused", filepath.Dir(file), InBrackets(f.bySystem()))
}

// bySystem is the system's own part of a failure, which stands at its end: the path before
// it is in the sentence.
func (f Failure) bySystem() string {
	if i := strings.LastIndex(f.Detail, ": "); i >= 0 {
		return f.Detail[i+2:]
	}
	return f.Detail
}

// NotCurrent says that what is known of the cards is not of now, "" where it is.
func (c Cards) NotCurrent(lang string) string {
	switch t := texts.In(lang); {
	case c.Reading:
		return t.Text("state.reading")
	case c.Outdated:
		return t.Text("state.outdated")
	}
	return ""
}

// Text is readers and certificates in words: what `cpx-agent certs` prints. Modules
// are named where one does not work: a card may be missing because of it.
func (c Cards) Text(lang string) string {
	l := newLines(lang)
	l.cards(c)
	if slices.ContainsFunc(c.Modules, func(m Module) bool { return m.Opening || m.Error != "" }) {
		l.modules(c)
	}
	return l.b.String()
}

func (l *lines) cards(c Cards) {
	if text := c.NotCurrent(l.lang); text != "" {
		l.add(text)
	}
	l.add(l.Text("state.readers"))
	for _, reader := range c.Readers {
		l.add("", reader.Name, l.card(reader))
		if warning, ok := l.Code("card.pin", string(reader.PIN)); ok {
			l.add("", "", warning)
		}
		if reader.Error != "" {
			l.add("", "", l.Text("state.card_failed", InBrackets(reader.Said())))
		}
		if reader.Hidden {
			l.add("", "", l.Text("state.hidden"))
		}
	}
	if len(c.Readers) == 0 {
		l.add("", l.Text("state.none"))
	}
	switch {
	case c.PCSC == NoPermission:
		l.add("", l.Text("state.no_permission"))
	case len(c.Readers) == 0 && c.PCSC == NoService:
		l.add("", l.Text("state.no_service"))
	}
	l.add(l.Text("state.certificates"))
	for _, x := range c.Certificates {
		l.add("", x.ID[:min(12, len(x.ID))], x.Holder, x.Identifier, l.details(x))
	}
	if len(c.Certificates) == 0 {
		l.add("", l.Text("state.none"))
	}
}

func (l *lines) card(r Reader) string {
	switch {
	case r.Mute:
		return l.Text("state.mute_card")
	case r.Contactless:
		return strings.TrimSpace(r.Card + "  " + l.Text("state.contactless"))
	case r.Unknown:
		return l.Text("state.unknown_card")
	case r.Card == "":
		return l.Text("state.no_card")
	}
	return r.Card
}

func (l *lines) details(c Certificate) string {
	var parts []string
	for _, part := range []string{c.Kind, cps.ProfessionIn(l.lang, c.Profession), dateOf(c.NotAfter, l.lang), ReasonText(c.Reason, l.lang)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := "(" + strings.Join(parts, ", ") + ")"
	if c.Chosen { // also where its PIN is locked: the login takes it, and fails
		text += " ← " + l.Text("state.next")
	}
	if c.Renew {
		text += " (" + RenewText(l.lang) + ")"
	}
	return text
}

// dateOf is the day, or nothing where it is not known.
func dateOf(t time.Time, lang string) string {
	if t.IsZero() {
		return ""
	}
	return language.Date(t, lang)
}

// ReasonText says why a certificate is not usable, or that it is.
func ReasonText(reason, lang string) string {
	if reason == ReasonUsable {
		reason = "usable"
	}
	text, _ := texts.In(lang).Code("state.reason", reason)
	return text
}

// RenewText says that a card ends soon.
func RenewText(lang string) string { return texts.In(lang).Text("state.renew") }
