package agent

import (
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// reportWords is the catalogue of the state in words.
type reportWords struct {
	running, reading, late, cardsError    string
	addresses, wss, noWSS                 string
	modules, readers, certificates, none  string
	notLoaded, notPKCS11, failed          string
	noCard, unknownCard, next             string
	countLow, finalTry, locked, notSet    string
	sites, notTaken, line, log, noService string
}

var reportTexts = map[string]reportWords{
	French: {
		running: "CPx Bridge %s est en marche (processus %d).", reading: "Les cartes sont en cours de lecture.",
		late:       "Les cartes sont occupées ou tardent à répondre : ce qui est dit d’elles ici date de la dernière lecture.",
		cardsError: "Les cartes ne peuvent pas être lues : %s",
		addresses:  "Adresses : %s", wss: "Adresses wss : %s", noWSS: "wss n’est pas servi. %s",
		modules: "Modules :", readers: "Lecteurs :", certificates: "Certificats :", none: "aucun",
		notLoaded: "ne se charge pas", notPKCS11: "n’est pas un module PKCS#11", failed: "ne fonctionne pas",
		noCard: "sans carte", unknownCard: "carte non reconnue", next: "prochaine connexion",
		countLow: "Attention : un code faux a déjà été saisi, il reste peu d’essais.",
		finalTry: "Attention : dernier essai avant le blocage de la carte.",
		locked:   "Attention : le code porteur est bloqué.", notSet: "Attention : cette carte n’a pas encore de code porteur.",
		noService: "Le service des lecteurs de cartes (PC/SC) ne répond pas : « cpx-agent doctor » dit que faire.",
		sites:     "Sites mémorisés : %d",
		notTaken:  "Réglages non pris (« cpx-agent policy » dit pourquoi) :", line: "%s, ligne %d : %s", log: "Journal : %s",
	},
	English: {
		running: "CPx Bridge %s is running (process %d).", reading: "The cards are being read.",
		late:       "The cards are busy or slow to answer: what is said of them here is from the last look.",
		cardsError: "The cards cannot be read: %s",
		addresses:  "Addresses: %s", wss: "Addresses of wss: %s", noWSS: "wss is not served. %s",
		modules: "Modules:", readers: "Readers:", certificates: "Certificates:", none: "none",
		notLoaded: "cannot be loaded", notPKCS11: "is no PKCS#11 module", failed: "does not work",
		noCard: "no card", unknownCard: "card not recognised", next: "next login",
		countLow: "Careful: a wrong PIN was typed before, few tries are left.",
		finalTry: "Careful: this is the last try before the card is locked.",
		locked:   "Careful: the PIN is locked.", notSet: "Careful: this card has no PIN yet.",
		noService: "The service for card readers (PC/SC) does not answer: “cpx-agent doctor” says what to do.",
		sites:     "Remembered sites: %d",
		notTaken:  "Settings not taken (“cpx-agent policy” says why):", line: "%s, line %d: %s", log: "Log: %s",
	},
}

// Text is the state in words, one line a thing, for a window or a terminal: what
// a person asks about comes first.
func (r Report) Text(lang string) string {
	w := reportTexts[lang]
	var b strings.Builder
	say := func(format string, args ...any) { b.WriteString(oneLine(fmt.Sprintf(format, args...))) }
	say(w.running, r.Version, r.PID)
	b.WriteString(r.CardReport.Text(lang))
	if r.Error != "" {
		say(w.cardsError, r.Error)
	}
	if r.Sites != nil {
		say(w.sites, *r.Sites)
	}
	if r.SitesError != "" {
		say("%s", r.SitesError)
	}
	say("%s", w.modules)
	for _, m := range r.Modules {
		say("  %s  %s", m.Path, w.module(m))
	}
	if len(r.Modules) == 0 {
		say("  %s", w.none)
	}
	if len(r.NotTaken) > 0 {
		say("%s", w.notTaken)
	}
	for _, n := range r.NotTaken {
		say("  "+w.line, n.File, n.Line, n.Key)
	}
	say(w.addresses, strings.Join(r.Addresses, ", "))
	if len(r.WSS) > 0 {
		say(w.wss, strings.Join(r.WSS, ", "))
	}
	if r.WSSError != "" {
		say(w.noWSS, r.WSSError)
	}
	if r.Log != "" {
		say(w.log, r.Log)
	}
	return b.String()
}

// Printable keeps what a card or a module says from steering a terminal.
func Printable(text string) string { return prompt.Visible(text) }

func oneLine(text string) string {
	return Printable(strings.ReplaceAll(strings.TrimRight(text, " "), "\n", "; ")) + "\n"
}

func (w reportWords) module(m ModuleReport) string {
	if m.Error == "" {
		return m.Info
	}
	what := w.failed
	switch m.Reason {
	case "no_module":
		what = w.notLoaded
	case "not_pkcs11":
		what = w.notPKCS11
	}
	return what + " (" + m.Error + ")"
}

// Behind says that a report is not of now, "" where it is.
func (r CardReport) Behind(lang string) string {
	switch w := reportTexts[lang]; {
	case r.Reading:
		return w.reading
	case r.Late:
		return w.late
	}
	return ""
}

// Text is readers and certificates in words: what `cpx-agent certs` prints.
func (r CardReport) Text(lang string) string {
	w := reportTexts[lang]
	var b strings.Builder
	say := func(parts ...string) { b.WriteString(oneLine(strings.Join(parts, "  "))) }
	if behind := r.Behind(lang); behind != "" {
		say(behind)
	}
	say(w.readers)
	for _, reader := range r.Readers {
		say("", reader.Name, w.card(reader))
		if warning := w.pin(reader.PIN); warning != "" {
			say("", "", warning)
		}
	}
	if len(r.Readers) == 0 {
		say("", w.none)
	}
	if len(r.Readers) == 0 && r.PCSC == detailNoService {
		say("", w.noService)
	}
	say(w.certificates)
	for _, c := range r.Certificates {
		say("", c.ID[:min(12, len(c.ID))], c.Holder, c.Identifier, w.details(c, lang))
	}
	if len(r.Certificates) == 0 {
		say("", w.none)
	}
	return b.String()
}

func (w reportWords) card(r ReaderReport) string {
	switch {
	case r.Unknown:
		return w.unknownCard
	case r.Card == "":
		return w.noCard
	}
	return r.Card
}

func (w reportWords) pin(state string) string {
	return map[string]string{PINCountLow: w.countLow, PINFinalTry: w.finalTry, PINLocked: w.locked, PINNotSet: w.notSet}[state]
}

func (w reportWords) details(c CertificateReport, lang string) string {
	var parts []string
	for _, part := range []string{c.Kind, cps.ProfessionIn(lang, c.Profession), Date(c.NotAfter, lang), ReasonText(pkcs11.Reason(c.Reason), lang)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := "(" + strings.Join(parts, ", ") + ")"
	if c.Chosen { // also where its PIN is locked: the login takes it, and fails
		text += " ← " + w.next
	}
	if c.Renew {
		text += " (" + RenewText(lang) + ")"
	}
	return text
}
