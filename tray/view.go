package tray

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// view is the whole menu, ready to show, as sent to the tray's process. Labels are
// safe to show; an entry with an empty one is hidden.
type view struct {
	Icon icon
	Name string // of the icon

	Line, Notice string
	Warnings     []string
	Certificates []entry
	Sites, Never list
	Resume, Lock string
	Settings     list

	Refresh, Diagnostic, Journal string
	Language                     list
	About, Quit                  string
	Restart                      entry // where another version is installed than runs
}

// entry is one of several entries of a kind. One without an ID is greyed: it is only
// information.
type entry struct {
	ID, Label string
	Checked   bool
}

// list is a submenu.
type list struct {
	Label   string
	Entries []entry
}

const (
	maxCertificates = 12 // the toolkit cannot remove entries, only hide them
	maxWarnings     = 8
	maxSites        = 100
	maxLine         = 70 // characters; longer lines make a menu unwieldy
	maxName         = 40
	maxShort        = 24
)

// viewOf makes the menu for a state. It never blocks.
func viewOf(s state.State, notice string) view {
	say := texts.In(s.Lang)
	v := view{
		Icon: iconOf(s), Line: line(s, say), Notice: prompt.Safe(notice, 2*maxLine), Warnings: slices.Concat(warnings(s, say), settingsWarning(s, say), pauseWarning(s, say), wssWarning(s, say), logWarning(s, say)),
		Certificates: certificates(s, say), Sites: allowed(s, say), Never: refused(s, say), Settings: ignoredSettings(s, say),
		Diagnostic: say.Text("tray.diagnostic"), Journal: say.Text("tray.journal"), Language: languageList(s, say),
		About: say.Text("tray.about", prompt.Safe(s.Version, maxName)), Quit: say.Text("tray.quit"),
	}
	v.Restart = restart(s, say)
	v.Warnings = v.Warnings[:min(len(v.Warnings), maxWarnings)]
	v.Name = state.Name + " · " + v.Line
	if s.StaysOn {
		v.Quit = ""
	}
	if !s.UnknownSitesPaused.IsZero() {
		v.Resume = say.Text("tray.resume")
	}
	if s.CardSession {
		v.Lock = say.Text("tray.lock")
	}
	if s.Polled {
		v.Refresh = say.Text("tray.refresh")
	}
	return v
}

// restart offers the version that is installed, where that is not the one that runs. During
// a login it says why not yet.
func restart(s state.State, say texts.Catalogue) entry {
	if s.Replaced == nil || s.Replaced.Removed {
		return entry{}
	}
	version := s.Replaced.Short()
	known := version != "" && version != s.Version
	switch {
	case s.InUse && known:
		return entry{Label: say.Text("tray.restart_later_version", version)}
	case s.InUse:
		return entry{Label: say.Text("tray.restart_later")}
	case known:
		return entry{ID: "restart", Label: say.Text("tray.restart_version", version)}
	}
	return entry{ID: "restart", Label: say.Text("tray.restart")}
}

func iconOf(s state.State) icon {
	switch {
	case s.InUse:
		return iconInUse
	case s.Failure != nil:
		return iconAttention
	case s.Card != state.CardPresent && s.ReaderCount == 0 && !s.Arriving:
		return iconNoReader
	case s.Card != state.CardPresent:
		return iconNoCard
	case s.Arriving && len(s.Certificates) == 0:
		return iconNoCard
	case len(s.Usable()) == 0 || len(warnings(s, texts.In(s.Lang))) > 0:
		return iconAttention
	}
	return iconReady
}

// line is the state in one line.
func line(s state.State, say texts.Catalogue) string {
	may := s.Usable()
	switch {
	case s.InUse:
		return say.Text("tray.in_use")
	case s.Arriving && len(may) == 0:
		return say.Text("tray.reading")
	case s.Failure != nil:
		return say.Text("tray.module_failed")
	case s.Card == state.CardUnknown:
		return say.Text("tray.reading")
	case s.Card != state.CardPresent && s.PCSC == state.NoPermission:
		return say.Text("tray.no_permission")
	case s.Card == state.CardAbsent && s.ReaderCount == 0:
		return say.Text("tray.no_reader")
	case s.Card == state.CardAbsent:
		return say.Text("tray.no_card")
	case len(may) == 0 && has(s, func(r state.Reader) bool { return r.Contactless }):
		return say.Text("tray.contactless")
	case len(s.Certificates) == 0 && has(s, func(r state.Reader) bool { return r.Error != "" }):
		return say.Text("tray.card_failed")
	case len(s.Certificates) == 0 && has(s, func(r state.Reader) bool { return r.Hidden }):
		return say.Text("tray.hidden")
	case len(s.Certificates) == 0 && has(s, func(r state.Reader) bool { return r.Mute }):
		return say.Text("tray.mute_card")
	case len(s.Certificates) == 0:
		return say.Text("tray.unknown_card")
	case len(may) == 0:
		return say.Text("tray.no_usable")
	}
	c, known := s.Next()
	if !known {
		return say.Text("tray.several")
	}
	name := prompt.Safe(c.Holder, maxName)
	if s.CardSession {
		return say.Text("tray.ready_unlocked", name)
	}
	return say.Text("tray.ready", name)
}

func has(s state.State, is func(state.Reader) bool) bool { return slices.ContainsFunc(s.Readers, is) }

// warnings say what is wrong with a PIN, and what to do, the most serious first.
func warnings(s state.State, say texts.Catalogue) (lines []string) {
	for _, pin := range []state.PIN{state.PINLocked, state.PINLockedOrInUse, state.PINFinalTry, state.PINCountLow, state.PINNotSet, state.PINExpired} {
		if slices.ContainsFunc(s.Certificates, func(c state.Certificate) bool { return c.PIN == pin }) {
			what, _ := say.Code("tray.pin", string(pin))
			advice, _ := say.Code("tray.advice", string(pin))
			lines = append(lines, "⚠ "+what, "   "+advice)
		}
	}
	return lines
}

// settingsWarning says that the settings were changed for the worse, and how. The icon does
// not show it: what was good before is in force.
func settingsWarning(s state.State, say texts.Catalogue) []string {
	if s.SettingsFailure == nil {
		return nil
	}
	return []string{"⚠ " + say.Text("tray.settings_refused"), "   " + prompt.Safe(s.SettingsFailure.Detail, 2*maxLine)}
}

// pauseWarning says that nobody is asked about sites that are not allowed. The icon
// does not show it: cards and allowed sites work.
func pauseWarning(s state.State, say texts.Catalogue) []string {
	if s.UnknownSitesPaused.IsZero() {
		return nil
	}
	return []string{"⚠ " + say.Text("tray.sites_paused", s.UnknownSitesPaused.Local().Format("15:04")), "   " + say.Text("tray.sites_paused_advice")}
}

// wssWarning says that this machine's certificate has to be renewed. The icon does not
// show it, because it does not concern cards.
func wssWarning(s state.State, say texts.Catalogue) []string {
	if !s.WSSRenew {
		return nil
	}
	return []string{"⚠ " + say.Text("tray.wss_ends"), "   " + say.Text("tray.wss_advice")}
}

// logWarning says that no log is kept, likewise.
func logWarning(s state.State, say texts.Catalogue) []string {
	switch {
	case s.LogFailure == nil, s.LogFailure.Reason == "audit_log_refused": // which doctor says
		return nil
	case s.LogFailure.Reason == "log_full":
		return []string{"⚠ " + say.Text("tray.log_full"), "   " + say.Text("tray.log_full_advice")}
	}
	return []string{"⚠ " + say.Text("tray.log_refused"), "   " + say.Text("tray.log_refused_advice")}
}

// certificates are the entries of all certificates found, the usable ones first,
// because the menu is for choosing.
func certificates(s state.State, say texts.Catalogue) []entry {
	ordered := s.Usable()
	for _, c := range s.Certificates {
		if !c.Usable {
			ordered = append(ordered, c)
		}
	}
	nextID := ""
	if c, known := s.Next(); known {
		nextID = c.ID
	}
	var entries []entry
	for _, c := range ordered {
		e := entry{Label: title(c, s.Lang, say), Checked: c.ID == nextID}
		if c.Usable {
			e.ID = c.ID
		}
		entries = append(entries, e)
	}
	return shortened(entries, maxCertificates, say)
}

// shortened is at most so many entries, of which the last says how many more there are.
func shortened(entries []entry, most int, say texts.Catalogue) []entry {
	if len(entries) <= most {
		return entries
	}
	return append(entries[:most-1:most-1], entry{Label: say.Plural("tray.more", len(entries)-most+1)})
}

// title is the label of a certificate: holder, profession, kind of card, end of
// validity, and why it cannot be chosen.
func title(c state.Certificate, lang string, say texts.Catalogue) string {
	var parts []string
	add := func(text string, limit int) {
		if text != "" {
			parts = append(parts, prompt.Safe(text, limit))
		}
	}
	add(c.Holder, maxName)
	add(cps.ProfessionIn(lang, c.Profession), maxName)
	add(c.Kind, maxShort)
	switch c.Reason {
	case state.ReasonUsable, state.ReasonExpired, state.ReasonPINLocked, state.ReasonPINNotSet, state.ReasonPINExpired:
		add(say.Text("tray.until", language.Date(c.NotAfter, lang)), maxName)
	}
	switch c.Reason {
	case state.ReasonUsable:
	case state.ReasonPINNotSet:
		add(say.Text("tray.pin.not_set"), maxName)
	default:
		add(state.ReasonText(c.Reason, lang), 2*maxName)
	}
	switch c.Reason {
	case state.ReasonPINLocked, state.ReasonPINNotSet, state.ReasonPINExpired:
	default:
		switch c.PIN { // also of a card that is of no use for another reason
		case state.PINLocked:
			add(state.ReasonText(state.ReasonPINLocked, lang), 2*maxName)
		case state.PINLockedOrInUse:
			add(say.Text("tray.pin.locked_or_in_use"), 2*maxName)
		case state.PINNotSet:
			add(say.Text("tray.pin.not_set"), maxName)
		case state.PINExpired:
			add(state.ReasonText(state.ReasonPINExpired, lang), maxName)
		}
	}
	if c.Renew {
		add(state.RenewText(lang), maxName)
	}
	return strings.Join(parts, " · ")
}

// allowed are the sites that need no consent dialog: those that the person allowed can
// be forgotten here, those of the settings cannot.
func allowed(s state.State, say texts.Catalogue) list {
	l := list{Label: say.Text("tray.sites")}
	says := func(text string) { l.Entries = append(l.Entries, entry{Label: text}) }
	if s.SitesFailure != nil {
		for _, text := range wrap(s.SitesFailure.SitesText(s.Lang), maxLine) {
			says(text)
		}
	}
	if len(s.Sites) > 0 {
		says(say.Text("tray.click_to_forget"))
	}
	for _, site := range s.Sites {
		label := say.Text("tray.forget", prompt.SafeOrigin(site.Origin))
		if !site.Since.IsZero() {
			label += " · " + say.Text("tray.since", language.Date(site.Since, s.Lang))
		}
		l.Entries = append(l.Entries, entry{ID: site.Origin, Label: label})
	}
	for _, origin := range s.Listed {
		says(say.Text("tray.by_settings", prompt.SafeOrigin(origin)))
	}
	if len(l.Entries) == 0 {
		says(say.Text("tray.no_sites"))
	}
	l.Entries = shortened(l.Entries, maxSites, say)
	return l
}

// refused are the domains that the person refused from now on, each to be taken back.
// Where there is none there is no submenu.
func refused(s state.State, say texts.Catalogue) list {
	if len(s.Never) == 0 {
		return list{}
	}
	l := list{Label: say.Text("tray.never"), Entries: []entry{{Label: say.Text("tray.click_to_ask")}}}
	for _, d := range s.Never {
		label := say.Text("tray.ask_again", prompt.SafeDomain(d.Name))
		switch {
		case d.Unsaved:
			label += " · " + say.Text("tray.never_unsaved")
		case !d.Since.IsZero():
			label += " · " + say.Text("tray.never_since", language.Date(d.Since, s.Lang))
		}
		l.Entries = append(l.Entries, entry{ID: d.Name, Label: label})
	}
	l.Entries = shortened(l.Entries, maxSites, say)
	return l
}

// ignoredSettings names the ignored settings by file, line and key.
func ignoredSettings(s state.State, say texts.Catalogue) list {
	if len(s.Ignored) == 0 {
		return list{}
	}
	l := list{Label: say.Text("tray.settings")}
	for _, warning := range s.Ignored {
		text := say.Text("state.setting", filepath.Base(warning.File), warning.Line, warning.Key)
		l.Entries = append(l.Entries, entry{Label: prompt.Safe(text, maxLine)})
	}
	l.Entries = shortened(l.Entries, maxSites, say)
	return l
}

func languageList(s state.State, say texts.Catalogue) list {
	if s.LangFixed {
		return list{Label: say.Text("tray.language_fixed")}
	}
	l := list{Label: say.Text("tray.language")}
	for _, lang := range []string{language.French, language.English} {
		l.Entries = append(l.Entries, entry{ID: lang, Label: texts.In(lang).Text("tray.this_language"), Checked: s.Lang == lang})
	}
	return l
}

// wrap breaks a text into lines of at most so many characters.
func wrap(text string, most int) (lines []string) {
	current := ""
	for _, word := range strings.Split(prompt.Safe(text, 6*most), " ") {
		word = prompt.Safe(word, most)
		if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > most {
			lines, current = append(lines, current), ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, current)
}
