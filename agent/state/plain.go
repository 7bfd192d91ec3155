package state

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Plain is the state in the words of a person who wants to log in: that it works, or what is
// wrong and what to do. It names nobody.
func (s State) Plain(lang string) string {
	say := texts.In(lang)
	var list []string
	final := slices.ContainsFunc(s.Certificates, func(c Certificate) bool { return c.PIN == PINFinalTry })
	if key := s.plainKey(); key != "state.plain.ready" || !final { // who doubts must not try
		list = append(list, say.Text(key))
	}
	for _, pin := range []PIN{PINLocked, PINLockedOrInUse, PINFinalTry, PINCountLow, PINNotSet, PINExpired} {
		if slices.ContainsFunc(s.Certificates, func(c Certificate) bool { return c.PIN == pin }) {
			what, _ := say.Code("tray.pin", string(pin))
			advice, _ := say.Code("tray.advice", string(pin))
			list = append(list, what+". "+advice+".")
		}
	}
	if text := s.PauseText(lang); text != "" {
		list = append(list, text+" "+say.Text("state.sites_paused_next"))
	}
	if s.SettingsFailure != nil {
		list = append(list, say.Text("state.settings_refused", s.SettingsFailure.Detail))
	}
	if s.LogFailure != nil {
		list = append(list, s.LogFailure.LogText(lang, s.Log))
	}
	for i, line := range list { // settings and paths are not of this program
		list[i] = visible.Text(oneLine.Replace(line))
	}
	return strings.Join(list, "\n")
}

// FirstReading reports whether the cards are being read and nothing else is known of them yet.
func (s State) FirstReading() bool {
	return len(s.Usable()) == 0 && s.Arriving || s.Card == CardUnknown && s.Failure == nil
}

// plainKey is the sentence for the cards as a whole, the hindrance that is nearest first.
func (s State) plainKey() texts.Key {
	usable := len(s.Usable())
	switch {
	case s.InUse:
		return "state.plain.in_use"
	case s.FirstReading():
		return "state.plain.reading"
	case s.Failure != nil:
		return "state.plain.module_failed"
	case s.Card != CardPresent:
		return s.withoutCard()
	case usable == 0:
		return s.withoutUse()
	}
	if _, known := s.Next(); !known {
		return "state.plain.several"
	}
	return "state.plain.ready"
}

func (s State) withoutCard() texts.Key {
	switch {
	case s.PCSC == NoPermission:
		return "state.plain.no_permission"
	case s.ReaderCount == 0 && s.PCSC == NoService:
		return "state.plain.no_service"
	case s.ReaderCount == 0:
		return "state.plain.no_reader"
	}
	return "state.plain.no_card"
}

// withoutUse is why the card that is there logs nobody in.
func (s State) withoutUse() texts.Key {
	has := func(is func(Reader) bool) bool { return slices.ContainsFunc(s.Readers, is) }
	switch {
	case has(func(r Reader) bool { return r.Contactless }):
		return "state.plain.contactless"
	case s.hindered(ReasonPINLocked, ReasonPINNotSet, ReasonPINExpired):
		return "state.plain.pin"
	case s.hindered(ReasonExpired):
		return "state.plain.expired"
	case len(s.Certificates) > 0:
		return "state.plain.no_usable"
	case has(func(r Reader) bool { return r.Error != "" }):
		return "state.plain.card_failed"
	case has(func(r Reader) bool { return r.Hidden }):
		return "state.plain.hidden"
	case has(func(r Reader) bool { return r.Mute }):
		return "state.plain.mute_card"
	}
	return "state.plain.unknown_card"
}

// hindered reports whether one of these reasons keeps a certificate from being used.
func (s State) hindered(reasons ...string) bool {
	return slices.ContainsFunc(s.Certificates, func(c Certificate) bool { return slices.Contains(reasons, c.Reason) })
}
