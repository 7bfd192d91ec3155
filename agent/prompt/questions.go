package prompt

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// questions builds the dialogs in one language.
type questions struct{ texts.Catalogue }

func questionsIn(lang string) questions { return questions{texts.In(lang)} }

// product is the title of every dialog but the state's.
const product = "CPx Bridge"

// quiet is the quiet time in milliseconds of a dialog that opens by itself: a person
// typing in the browser then must neither allow nor cancel anything.
const quiet = 600

// release is for how long, in milliseconds, a window keeps the keyboard for itself without a
// key. A locker of the screen starts when nobody has typed for far longer.
const release = 15000

// about is the part of a dialog that names the caller.
func (q questions) about(c Caller) dialog.Request {
	r := dialog.Request{
		Title: product, Quiet: quiet,
		Site: q.Text("dialog.site"), Origin: safeOrigin(c.Origin), Domain: domainOf(c.Origin),
	}
	r.Program, r.Path = q.program(c, maxPath), c.Program != "" && !c.Named
	return r
}

// program says which program asks, "" where that is not known. A path stays whole as far as
// it can: whoever hides a program in the person's home hides it behind what is left out.
func (q questions) program(c Caller, most int) string {
	switch {
	case c.Program == "":
		return ""
	case c.Named:
		return q.Text("dialog.program_named", safe(c.Program, maxName))
	}
	return q.Text("dialog.program", safe(c.Program, most))
}

// yesOrNo adds two buttons, of which "no" is the default: Enter allows nothing.
func yesOrNo(r dialog.Request, yes, no string) dialog.Request {
	r.Buttons = []dialog.Button{{Label: no, Answer: dialog.Cancel, Default: true}, {Label: yes, Answer: dialog.OK}}
	return r
}

// askConsent offers "never" too. Its button comes before the others: from the default
// one, "yes" stays the next.
func (q questions) askConsent(c Caller) dialog.Request {
	r := q.about(c)
	r.Text = q.Text("dialog.consent")
	r = yesOrNo(r, q.Text("dialog.allow"), q.Text("dialog.refuse"))
	if r.Domain != "" {
		// The domain is never shortened: the person decides about all of it.
		r.Hint = q.Text("dialog.never_means", safe(r.Domain, maxDomain))
		r.Buttons = append([]dialog.Button{{Label: q.Text("dialog.never"), Answer: dialog.Never}}, r.Buttons...)
	}
	return q.then(r, q.Text("dialog.reading_card"))
}

// offersNever reports whether a dialog has the button: an answer that was not offered
// must not be remembered.
func offersNever(r dialog.Request) bool {
	return slices.ContainsFunc(r.Buttons, func(b dialog.Button) bool { return b.Answer == dialog.Never })
}

func (q questions) askConfirm(c Caller, h Holder) dialog.Request {
	r := q.about(c)
	r.Holder, r.Text = strings.Split(q.holder(h), "\n"), q.Text("dialog.consent_unlocked")
	return q.then(yesOrNo(r, q.Text("dialog.allow"), q.Text("dialog.refuse")), q.Text("dialog.signing"))
}

func (q questions) askAlways(c Caller) dialog.Request {
	r := q.about(c)
	r.Text = q.Text("dialog.always")
	return yesOrNo(r, q.Text("dialog.allow_always"), q.Text("dialog.ask_each_time"))
}

func (q questions) askChoice(c Caller, choices []Holder) dialog.Request {
	r := q.about(c)
	r.Text = q.Text("dialog.which_certificate")
	for _, h := range choices {
		r.Rows = append(r.Rows, q.row(h))
	}
	r.Buttons = []dialog.Button{{Label: q.Text("dialog.cancel"), Answer: dialog.Cancel}, {Label: q.Text("dialog.use"), Answer: dialog.OK, Default: true}}
	return q.then(r, q.Text("dialog.reading_card"))
}

// askPIN has an entry after its text.
func (q questions) askPIN(p PIN) dialog.Request {
	r := q.aboutPIN(p)
	r.Text = q.Text("dialog.pin_label")
	r.Entry = &dialog.Entry{
		Least: max(p.MinLength, 0), Most: max(p.MaxLength, 0), Continues: p.Replaced,
		Length: q.entryLength(p), Typed: q.Text("dialog.pin_is_typed"), Early: q.Text("dialog.pin_early"), CapsLock: q.Text("dialog.caps_lock"),
	}
	r.Entry.Release = release
	r.Entry.Away = q.Text("dialog.pin_away")
	r.Buttons = []dialog.Button{{Label: q.Text("dialog.cancel"), Answer: dialog.Cancel}, {Label: q.Text("dialog.validate"), Answer: dialog.OK, Default: true}}
	return q.then(r, q.Text("dialog.checking_pin"))
}

// askPINPad replaces the entry where the PIN is typed on the reader.
func (q questions) askPINPad(p PIN) dialog.Request {
	r := q.aboutPIN(p)
	r.Text = q.Text("dialog.on_pin_pad")
	return q.then(q.wait(r), q.Text("dialog.signing"))
}

func (q questions) aboutPIN(p PIN) dialog.Request {
	r := q.about(p.Caller)
	r.Holder = strings.Split(q.holder(p.Holder), "\n")
	r.Wrong = q.wrong(p)
	r.Final, r.Alerts = q.final(p), q.cautions(p)
	return r
}

func (q questions) askCard(c Caller, reader bool) dialog.Request {
	r := q.about(c)
	r.Text = q.forCard(reader)
	return q.then(q.wait(r), q.Text("dialog.reading_card"))
}

func (q questions) forCard(reader bool) string {
	if !reader {
		return q.Text("dialog.connect_reader")
	}
	return q.Text("dialog.insert_card")
}

// wait makes a dialog that is open until something else has happened; its only
// button cancels.
func (q questions) wait(r dialog.Request) dialog.Request {
	r.Buttons = []dialog.Button{{Label: q.Text("dialog.cancel"), Answer: dialog.Cancel, Default: true}}
	return r
}

// askNothing comes before a PIN dialog that has no quiet time: it receives what is
// still being typed in the browser.
func (q questions) askNothing(c Caller) dialog.Request {
	r := q.about(c)
	r.Title, r.Text, r.Passes = product+" …", q.Text("dialog.pin_comes"), true
	return r
}

func (q questions) notice(title, text string) dialog.Request {
	return dialog.Request{
		Title: safe(title, maxName), Body: safeLines(text, maxText),
		Buttons: []dialog.Button{
			{Label: q.Text("dialog.copy"), Done: q.Text("dialog.copied"), Answer: dialog.Copy},
			{Label: q.Text("dialog.close"), Answer: dialog.Cancel, Default: true},
		},
	}
}

// holder says whose card it is and, on a line of its own, which one.
func (q questions) holder(h Holder) string {
	text := q.Text("dialog.card_of", safe(h.Name, maxName))
	if more := append(details(h, maxName), q.expiry(h)...); len(more) > 0 {
		text += "\n" + strings.Join(more, " · ")
	}
	return text
}

// details are what distinguishes a holder's cards.
func details(h Holder, limit int) (list []string) {
	for _, part := range []struct {
		text  string
		limit int
	}{{h.Profession, limit}, {h.Kind, maxShort}, {h.Identifier, 2 * maxShort}} {
		if part.text != "" && part.text != h.Name {
			list = append(list, safe(part.text, part.limit))
		}
	}
	return list
}

func (q questions) expiry(h Holder) []string {
	if h.NotAfter == "" {
		return nil
	}
	return []string{q.Text("dialog.expires", safe(h.NotAfter, maxShort))}
}

// row is a certificate in a list. The window shortens the name to its own width.
func (q questions) row(h Holder) dialog.Row {
	name, details, expiry := safe(h.Name, maxLong), details(h, maxLong), q.expiry(h)
	spoken := append(append([]string{name}, details...), expiry...)
	return dialog.Row{
		Name: name, Detail: strings.Join(details, " · "), Note: strings.Join(expiry, ""),
		Spoken: strings.Join(spoken, ", "),
	}
}

// wrong says what was wrong with the last entry, "" where nothing. That few tries are left
// is part of it: two lines in red are read as two faults.
func (q questions) wrong(p PIN) string {
	switch {
	case p.LengthHint:
		return q.length(p.MinLength, p.MaxLength)
	case p.fewAfterWrong():
		return q.Text("dialog.wrong_pin_low")
	case p.WrongPIN:
		return q.Text("dialog.wrong_pin")
	}
	return ""
}

// fewAfterWrong reports whether a wrong entry is why few tries are left. The last one has
// its own warning.
func (p PIN) fewAfterWrong() bool {
	return p.WrongPIN && !p.LengthHint && p.CountLow && !p.FinalTry
}

// then adds what stands in a login's window until the next question, below what the
// person saw of this one. What is typed meanwhile reaches nobody, nor does what follows it
// without a pause.
func (q questions) then(r dialog.Request, text string) dialog.Request {
	r.Then = &dialog.Request{
		Title: r.Title, Site: r.Site, Origin: r.Origin, Domain: r.Domain, Program: r.Program, Path: r.Path, Holder: r.Holder,
		Quiet: r.Quiet, Text: text, Busy: true,
		Buttons: []dialog.Button{{Label: q.Text("dialog.cancel"), Answer: dialog.Cancel}},
	}
	return r
}

// warnings are what the person should know before the next entry.
func (q questions) warnings(p PIN) (list []string) {
	if final := q.final(p); final != "" {
		list = append(list, final)
	}
	return append(list, q.cautions(p)...)
}

func (q questions) final(p PIN) string {
	if !p.FinalTry {
		return ""
	}
	return q.Text("card.pin.final_try")
}

// cautions are what the person should know besides.
func (q questions) cautions(p PIN) (list []string) {
	if p.Unsure {
		list = append(list, q.Text("dialog.no_answer"))
	}
	if p.CountLow && !p.FinalTry && !p.fewAfterWrong() {
		list = append(list, q.Text("card.pin.count_low"))
	}
	if p.Holder.Renew { // last: it can wait until tomorrow
		list = append(list, q.Text("dialog.renew_card", safe(p.Holder.NotAfter, maxShort)))
	}
	return list
}

// entryLength says what is wrong with an entry of another length.
func (q questions) entryLength(p PIN) string {
	if p.MinLength < 1 || p.MaxLength < p.MinLength { // the card does not say
		return q.Text("dialog.pin_missing")
	}
	return q.length(p.MinLength, p.MaxLength)
}

func (q questions) length(low, high int) string {
	if low == high {
		return q.Text("dialog.pin_length", low)
	}
	return q.Text("dialog.pin_lengths", low, high)
}
