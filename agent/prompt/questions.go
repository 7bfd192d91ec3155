package prompt

import (
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// quiet: whoever types in the browser as a dialog opens by itself must neither
// allow nor cancel anything. In milliseconds.
const quiet = 600

// about is the part of a dialog that says who asks.
func (w words) about(c Caller) dialog.Request {
	r := dialog.Request{
		Title: w.title, Quiet: quiet,
		Site: strings.TrimSuffix(fmt.Sprintf(w.site, ""), "\n"), Origin: safeOrigin(c.Origin), Domain: domainOf(c.Origin),
	}
	if c.Program != "" {
		r.Program = fmt.Sprintf(w.program, safe(c.Program, maxName))
	}
	return r
}

// yesOrNo has the keyboard on "no": Enter allows nothing.
func yesOrNo(r dialog.Request, yes, no string) dialog.Request {
	r.Buttons = []dialog.Button{{Label: no, Answer: dialog.Cancel, Default: true}, {Label: yes, Answer: dialog.OK}}
	return r
}

func (w words) askConsent(c Caller) dialog.Request {
	r := w.about(c)
	r.Text = w.consent
	return yesOrNo(r, w.allow, w.refuse)
}

func (w words) askConfirm(c Caller, h Holder) dialog.Request {
	r := w.about(c)
	r.Holder, r.Text = strings.Split(w.holder(h), "\n"), w.confirm
	return yesOrNo(r, w.allow, w.refuse)
}

func (w words) askAlways(c Caller) dialog.Request {
	r := w.about(c)
	r.Text = w.always
	return yesOrNo(r, w.yesAlways, w.notAlways)
}

func (w words) askChoice(c Caller, choices []Holder) dialog.Request {
	r := w.about(c)
	r.Text = w.which
	for _, h := range choices {
		r.Rows = append(r.Rows, w.row(h))
	}
	r.Buttons = []dialog.Button{{Label: w.cancel, Answer: dialog.Cancel}, {Label: w.use, Answer: dialog.OK, Default: true}}
	return r
}

// askPIN is for a dialog that has an entry after its text.
func (w words) askPIN(p PIN) dialog.Request {
	r := w.aboutPIN(p)
	r.Text = w.pin
	r.Buttons = []dialog.Button{{Label: w.cancel, Answer: dialog.Cancel}, {Label: w.ok, Answer: dialog.OK, Default: true}}
	return r
}

// askPad stands in place of an entry where the PIN is typed on the reader.
func (w words) askPad(p PIN) dialog.Request {
	r := w.aboutPIN(p)
	r.Text = w.pinPad
	return w.wait(r)
}

func (w words) aboutPIN(p PIN) dialog.Request {
	r := w.about(p.Caller)
	r.Holder = strings.Split(w.holder(p.Holder), "\n")
	if wrong := w.wrong(p); wrong != "" {
		r.Alerts = append(r.Alerts, wrong)
	}
	r.Alerts = append(r.Alerts, w.warnings(p)...)
	return r
}

func (w words) askCard(c Caller, reader bool) dialog.Request {
	r := w.about(c)
	r.Text = w.forCard(reader)
	return w.wait(r)
}

func (w words) forCard(reader bool) string {
	if !reader {
		return w.connect
	}
	return w.insert
}

// wait makes a dialog that stands until something else has happened; its one
// button cancels.
func (w words) wait(r dialog.Request) dialog.Request {
	r.Buttons = []dialog.Button{{Label: w.cancel, Answer: dialog.Cancel, Default: true}}
	return r
}

// askNothing stands before a PIN that a window without a quiet time asks for:
// what is still being typed in the browser goes there.
func (w words) askNothing(c Caller) dialog.Request {
	r := w.about(c)
	r.Title, r.Text, r.Passes = w.title+" …", w.soon, true
	return r
}

func (w words) tell(title, text string) dialog.Request {
	return dialog.Request{
		Title: safe(title, maxName), Body: safeLines(text, maxText),
		Buttons: []dialog.Button{
			{Label: w.copy, Done: w.copied, Answer: dialog.Copy},
			{Label: w.close, Answer: dialog.Cancel, Default: true},
		},
	}
}

// holder is whose card it is and, on a line of its own, which.
func (w words) holder(h Holder) string {
	text := fmt.Sprintf(w.card, safe(h.Name, maxName))
	if more := append(details(h, maxName), w.expiry(h)...); len(more) > 0 {
		text += "\n" + strings.Join(more, " · ")
	}
	return text
}

// details are what tells one card of a holder from another.
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

func (w words) expiry(h Holder) []string {
	if h.NotAfter == "" {
		return nil
	}
	return []string{fmt.Sprintf(w.expires, safe(h.NotAfter, maxShort))}
}

// row is a certificate in a list. The window shortens the name to its own width.
func (w words) row(h Holder) dialog.Row {
	name, details, expiry := safe(h.Name, maxLong), details(h, maxLong), w.expiry(h)
	spoken := append(append([]string{name}, details...), expiry...)
	return dialog.Row{
		Name: name, Detail: strings.Join(details, " · "), Note: strings.Join(expiry, ""),
		Spoken: strings.Join(spoken, ", "),
	}
}

// wrong says what was wrong with the last entry, "" where nothing was.
func (w words) wrong(p PIN) string {
	switch {
	case p.LengthHint:
		return w.length(p.MinLength, p.MaxLength)
	case p.WrongPIN:
		return w.wrongPIN
	}
	return ""
}

// warnings are what the person should know before the next entry.
func (w words) warnings(p PIN) (list []string) {
	if p.Holder.Renew {
		list = append(list, fmt.Sprintf(w.renew, safe(p.Holder.NotAfter, maxShort)))
	}
	if p.Unsure {
		list = append(list, w.unsure)
	}
	switch {
	case p.FinalTry:
		list = append(list, w.finalTry)
	case p.CountLow:
		list = append(list, w.countLow)
	}
	return list
}
