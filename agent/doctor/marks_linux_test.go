package doctor

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// refusals are words of lines that say that something is refused or of no use.
var refusals = regexp.MustCompile(`refus|inutilisable|ne peut|échou|bloqu|verrouill|expir|pas lisible|n’aboutit|ne fonctionne pas|ne répond pas|mémorisé|` +
	`of no use|cannot|fail|locked|not taken|does not|no login|no site`)

// paths name what a test is about.
var paths = regexp.MustCompile(`\S*/\S*`)

// checkMarks fails for a good mark before a refusal.
func checkMarks(t *testing.T, r Report) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Outcome == Good && refusals.MatchString(paths.ReplaceAllString(f.Text, "")) {
			t.Errorf("a good mark before a refusal: %s: %s", f.Code, f.Text)
		}
	}
}

// TestNoGoodMarkBeforeARefusal: of cards, each in its worst way.
func TestNoGoodMarkBeforeARefusal(t *testing.T) {
	card := state.Certificate{ID: "01", Kind: "CPS", Reader: "TEST reader", Usable: true, NotAfter: time.Now().AddDate(1, 0, 0)}
	opensc := state.Module{Path: "/opt/test.so", Info: "OpenSC Project, OpenSC smartcard framework 0.26, Cryptoki 3.00"}
	for name, c := range map[string]struct {
		module      state.Module
		reader      state.Reader
		reason, pin string
		code        string
		outcome     Outcome
		usable      bool // a card can be used to log in
	}{
		"good":                 {code: "certificate_usable", outcome: Good, usable: true},
		"a stale cache":        {module: state.Module{Error: "TEST", Reason: "stale_cache"}, code: "certificate_by_module", outcome: Notice},
		"a module that fails":  {module: opensc, code: "certificate_by_module", outcome: Notice},
		"contactless":          {reader: state.Reader{Contactless: true}, reason: "key_without_pin", code: "certificate_key_without_pin", outcome: Notice},
		"a technical one":      {reason: "key_without_pin", code: "certificate_key_without_pin", outcome: Notice},
		"expired":              {reason: "expired", code: "certificate_expired", outcome: Problem},
		"locked, or in use":    {pin: "locked_or_in_use", code: "certificate_usable", outcome: Unknown},
		"locked":               {pin: "locked", reason: "pin_locked", code: "certificate_pin_locked", outcome: Notice},
		"for something other":  {reason: "not_for_authentication", code: "certificate_not_for_authentication", outcome: Good},
		"a key not on it":      {reason: "no_key", code: "certificate_no_key", outcome: Problem},
		"an unreadable one":    {reason: "unreadable", code: "certificate_unreadable", outcome: Problem},
		"a key that is no use": {reason: "key_unsupported", code: "certificate_key_unsupported", outcome: Problem},
	} {
		for _, lang := range []string{"fr", "en"} {
			o := healthy(t)
			o.Lang = lang
			c.module.Path, c.reader.Module, c.reader.Name, c.reader.Card, c.reader.PIN = "/opt/test.so", "/opt/test.so", "TEST reader", "CPS TEST", state.PIN(c.pin)
			x := card
			x.Reason, x.PIN, x.Usable = c.reason, state.PIN(c.pin), c.reason == ""
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Modules: []state.Module{c.module}, Readers: []state.Reader{c.reader}, Certificates: []state.Certificate{x}}, nil
			}
			r := Run(t.Context(), o)
			checkMarks(t, r)
			if f := find(t, r, c.code); f.Outcome != c.outcome {
				t.Errorf("%s: %+v", name, f)
			}
			if got := strings.Contains(strings.Join(codes(r), " "), "card_usable"); got != c.usable {
				t.Errorf("%s: %v", name, codes(r))
			}
		}
	}
}

// TestSaidOnce: what a module or the system says stands in brackets, once: neither the kind
// nor the path of it, which the sentence names already.
func TestSaidOnce(t *testing.T) {
	const path = "/opt/test.so"
	for _, c := range []struct{ reason, said, want string }{
		{"hanging", "pkcs11: the module hangs: pkcs11: the module failed: it is being opened, and does not answer in 2s (" + path + ")", "il ne répond pas (it is being opened, and does not answer in 2s)."},
		{"not_loadable", "pkcs11: the module cannot be loaded: load: the file is cut short (" + path + ")", "il ne se charge pas (the file is cut short)."},
		{"module_failed", "pkcs11: the module failed: C_Initialize: pkcs11: 0x5: CKR_GENERAL_ERROR (" + path + ")", "ne fonctionne pas (C_Initialize: pkcs11: 0x5: CKR_GENERAL_ERROR)."},
		{"module_failed", "pkcs11: the module failed", "ne fonctionne pas."},
	} {
		o := healthy(t)
		o.Lang = "fr"
		o.Cards = func(context.Context) (state.Cards, error) {
			return state.Cards{Modules: []state.Module{{Path: path, Error: c.said, Reason: c.reason}}}, nil
		}
		f := find(t, Run(t.Context(), o), map[string]string{"module_failed": "module_failed"}[c.reason]+map[bool]string{true: "module_" + c.reason}[c.reason != "module_failed"])
		if want := "Module " + path + " : " + c.want; f.Text != want {
			t.Errorf("%q, want %q", f.Text, want)
		}
	}
}
