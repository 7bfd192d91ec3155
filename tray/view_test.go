package tray

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

func withPIN(c state.Certificate, pin state.PIN) state.Certificate {
	c.PIN = pin
	switch pin {
	case state.PINLocked:
		return withReason(c, state.ReasonPINLocked)
	case state.PINNotSet:
		return withReason(c, state.ReasonPINNotSet)
	case state.PINExpired:
		return withReason(c, state.ReasonPINExpired)
	}
	return c
}

func withCards(list ...state.Certificate) state.State {
	return state.State{Card: "present", ReaderCount: 1, Cards: state.Cards{Certificates: list}}
}

// states are all the states that first line and icon distinguish.
var states = []struct {
	name  string
	state state.State
	icon  icon
}{
	{"module", state.State{Failure: &state.Failure{Detail: errTest.Error()}}, iconAttention},
	{"first reading", state.State{Card: "unknown", ReaderCount: 1}, iconNoCard},
	{"no reader", state.State{Card: "absent"}, iconNoReader},
	{"no card", state.State{Card: "absent", ReaderCount: 1}, iconNoCard},
	{"being read", state.State{Card: "absent", ReaderCount: 1, Arriving: true}, iconNoCard},
	{"unknown card", withCards(), iconAttention},
	{"mute card", withReader(state.Reader{Unknown: true, Mute: true}), iconAttention},
	{"contactless", withReader(state.Reader{Contactless: true}, withReason(held("x"), state.ReasonKeyWithoutPIN)), iconAttention},
	{"locked or open", withCards(withPIN(held("x"), state.PINLockedOrInUse)), iconAttention},
	{"unusable", withCards(withReason(held("x"), state.ReasonExpired)), iconAttention},
	{"ready", withCards(held("x")), iconReady},
	{"several", withCards(held("x"), held("y")), iconReady},
	{"in use", state.State{Card: "present", ReaderCount: 1, InUse: true, Cards: state.Cards{Certificates: []state.Certificate{held("x")}}}, iconInUse},
	{"unlocked", state.State{Card: "present", ReaderCount: 1, CardSession: true, Cards: state.Cards{Certificates: []state.Certificate{held("x")}}}, iconReady},
	{"few tries", withCards(withPIN(held("x"), state.PINCountLow)), iconAttention},
	{"last try", withCards(withPIN(held("x"), state.PINFinalTry)), iconAttention},
	{"locked", withCards(withPIN(held("x"), state.PINLocked)), iconAttention},
	{"no PIN", withCards(withPIN(held("x"), state.PINNotSet)), iconAttention},
	{"PIN expired", withCards(withPIN(held("x"), state.PINExpired)), iconAttention},
	{"unread", state.State{Card: "present", ReaderCount: 1, Cards: state.Cards{Readers: []state.Reader{{Name: "TEST reader", Card: "TEST", Error: "TEST"}}}}, iconAttention},
	{"hidden", state.State{Card: "present", ReaderCount: 1, Cards: state.Cards{Readers: []state.Reader{{Name: "TEST reader", Card: "TEST", Hidden: true}}}}, iconAttention},
}

// withReader is a state in which a reader holds that card, with its certificates.
func withReader(r state.Reader, list ...state.Certificate) state.State {
	s := withCards(list...)
	s.Readers = []state.Reader{r}
	return s
}

// TestStates: every state has a different text, in both languages, and its icon.
func TestStates(t *testing.T) {
	for _, lang := range []string{language.French, language.English} {
		seen := map[string]string{}
		for _, c := range states {
			c.state.Lang = lang
			v := viewOf(c.state, "")
			if v.Icon != c.icon {
				t.Errorf("%s: the icon %s, want %s", c.name, v.Icon, c.icon)
			}
			text := v.Line + strings.Join(v.Warnings, "")
			if before := seen[text]; v.Line == "" || before != "" && (c.name != "being read" || before != "first reading") {
				t.Errorf("%s: %s reads as %s: %q", lang, c.name, before, text)
			}
			seen[text] = c.name
		}
	}
}

// TestPINWarnings: each state of a PIN that a person should know of is shown, with what to do.
func TestPINWarnings(t *testing.T) {
	for _, lang := range []string{language.French, language.English} {
		seen := map[string]bool{"⚠": true, "": true}
		for _, pin := range []state.PIN{state.PINLocked, state.PINLockedOrInUse, state.PINFinalTry, state.PINCountLow, state.PINNotSet, state.PINExpired} {
			for _, line := range warnings(withCards(withPIN(held("x"), pin)), texts.In(lang)) {
				if line = strings.TrimSpace(line); seen[line] {
					t.Errorf("%s: %s: %q", lang, pin, line)
				}
				seen[line] = true
			}
		}
		if len(seen) != 2+2*6 {
			t.Errorf("%s: %v", lang, seen)
		}
	}
}

// TestPauseWarning: that nobody is asked about unknown sites makes a warning and an
// entry that ends it, and leaves the icon unchanged.
func TestPauseWarning(t *testing.T) {
	s := withCards(held("x"))
	if v := viewOf(s, ""); v.Resume != "" || len(v.Warnings) != 0 {
		t.Errorf("%+v", v)
	}
	s.UnknownSitesPaused = time.Date(2026, 1, 1, 14, 5, 0, 0, time.Local)
	for lang, want := range map[string]string{language.French: "Les demandes des sites inconnus sont suspendues jusqu’à 14:05", language.English: "Requests of unknown sites are paused until 14:05"} {
		s.Lang = lang
		v := viewOf(s, "")
		if v.Icon != iconReady || len(v.Warnings) != 2 || !strings.Contains(v.Warnings[0], want) || v.Resume == "" {
			t.Errorf("%+v", v)
		}
		for _, text := range append(v.Warnings, v.Resume) {
			if utf8.RuneCountInString(text) > maxLine {
				t.Errorf("%q is too long for a menu", text)
			}
		}
	}
}

// TestWSSWarning: the certificate for Safari makes a warning, and leaves the icon unchanged.
func TestWSSWarning(t *testing.T) {
	s := withCards(held("x"))
	s.WSSRenew = true
	if v := viewOf(s, ""); v.Icon != iconReady || len(v.Warnings) != 2 || !strings.Contains(v.Warnings[1], "cpx-agent wss install") {
		t.Errorf("%+v", v)
	}
}

// TestLogWarning: a log that is not kept makes a warning, which says what to do, and
// leaves the icon unchanged.
func TestLogWarning(t *testing.T) {
	for reason, next := range map[string]string{"log_full": "Free some room", "log_refused": "cpx-agent doctor"} {
		s := withCards(held("x"))
		s.Lang, s.LogFailure = language.English, &state.Failure{Reason: reason, Detail: "TEST"}
		if v := viewOf(s, ""); v.Icon != iconReady || len(v.Warnings) != 2 || !strings.Contains(v.Warnings[1], next) {
			t.Errorf("%s: %+v", reason, v)
		}
	}
}

// TestSettingsWarning: new settings that are not taken make a warning with the reason, in one
// line, and leave the icon unchanged.
func TestSettingsWarning(t *testing.T) {
	s := withCards(held("x"))
	s.Lang, s.SettingsFailure = language.English, &state.Failure{Reason: "settings_refused", Detail: "/etc/cpx-bridge/policy.toml:2: pin.session: \"9h\"\nTEST"}
	if v := viewOf(s, ""); v.Icon != iconReady || len(v.Warnings) != 2 || !strings.Contains(v.Warnings[1], "policy.toml:2: pin.session: \"9h\"") || strings.Contains(v.Warnings[1], "\n") {
		t.Errorf("%+v", v)
	}
}

// TestCertificates: the next login's certificate is marked; an unusable one is greyed,
// and comes last with the reason.
func TestCertificates(t *testing.T) {
	chosen := held("two")
	chosen.Chosen = true
	for name, c := range map[string]struct {
		state state.State
		want  string // IDs with a mark, in order; - is a greyed entry
	}{
		"one":             {withCards(held("one")), "one*"},
		"two":             {withCards(held("one"), held("two")), "one two"},
		"chosen":          {withCards(held("one"), chosen), "one two*"},
		"expired":         {withCards(withReason(held("old"), state.ReasonExpired), held("one")), "one* -"},
		"locked or open":  {withCards(withPIN(held("one"), state.PINLockedOrInUse)), "one*"},
		"locked":          {withCards(withPIN(held("old"), state.PINLocked), held("one")), "one* -"},
		"PIN expired":     {withCards(withPIN(held("old"), state.PINExpired)), "-"},
		"no PIN":          {withCards(withPIN(held("old"), state.PINNotSet)), "-"},
		"chosen, expired": {withCards(withReason(chosen, state.ReasonExpired), held("one"), held("three")), "one three -"},
	} {
		got := ""
		for _, e := range viewOf(c.state, "").Certificates {
			switch {
			case e.ID == "":
				got += " -"
			case e.Checked:
				got += " " + e.ID + "*"
			default:
				got += " " + e.ID
			}
		}
		if got[1:] != c.want {
			t.Errorf("%s: %q, want %q", name, got[1:], c.want)
		}
	}
	for _, lang := range []string{language.French, language.English} {
		seen := map[string]bool{}
		for _, c := range []state.Certificate{
			held("x"), withReason(held("x"), state.ReasonExpired), withReason(held("x"), state.ReasonNotYetValid), withReason(held("x"), state.ReasonNotForAuthentication),
			withReason(held("x"), state.ReasonKeyWithoutPIN), withReason(held("x"), state.ReasonUnreadable), withReason(held("x"), state.ReasonNoKey), withReason(held("x"), state.ReasonKeyUnsupported), withPIN(held("x"), state.PINLocked), withPIN(held("x"), state.PINNotSet), withPIN(held("x"), state.PINExpired),
		} {
			label := title(c, lang, texts.In(lang))
			if !strings.HasPrefix(label, "TEST_x · "+cps.ProfessionIn(lang, "Médecin")+" · CPS") || seen[label] {
				t.Errorf("%s: %+v: %q", lang, c, label)
			}
			seen[label] = true
		}
		for pin, says := range map[state.PIN]string{state.PINLocked: state.ReasonText(state.ReasonPINLocked, lang), state.PINExpired: state.ReasonText(state.ReasonPINExpired, lang), state.PINNotSet: texts.In(lang).Text("tray.pin.not_set")} {
			expired := withReason(held("x"), state.ReasonExpired)
			expired.PIN = pin
			if label := title(expired, lang, texts.In(lang)); !strings.HasSuffix(label, state.ReasonText(state.ReasonExpired, lang)+" · "+says) {
				t.Errorf("%q", label)
			}
			if label := title(withPIN(held("x"), pin), lang, texts.In(lang)); strings.Count(label, says) != 1 {
				t.Errorf("%q", label)
			}
		}
		renew := held("x")
		renew.Renew = true
		if label := title(renew, lang, texts.In(lang)); !strings.HasSuffix(label, state.RenewText(lang)) || !strings.Contains(label, language.Date(renew.NotAfter, lang)) {
			t.Errorf("%q", label)
		}
	}
}

// TestLabelsAreSafe: texts from outside cannot manipulate, hide or break the menu, and
// registrable domains are not shortened.
func TestLabelsAreSafe(t *testing.T) {
	nasty := "\u202eTEST\u200b\x00\n<b>" + strings.Repeat("x", 500)
	c := held("x")
	c.Holder, c.Profession, c.Kind = nasty, nasty, nasty
	s := withCards(c)
	s.Version = nasty
	s.Sites = []state.Site{{Origin: "https://" + strings.Repeat("a.", 100) + "example.fr", Since: time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)}}
	s.Never = []state.Domain{{Name: strings.Repeat("a", 63) + ".example", Since: time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)}, {Name: nasty}}
	s.Listed = []string{"https://" + nasty + ".example.fr"}
	s.SitesFailure = &state.Failure{Reason: "failed", Detail: nasty}
	s.Ignored = []state.Setting{{File: nasty, Key: nasty}}
	v := viewOf(s, nasty)
	var labels []string
	labels = append(labels, v.Line, v.Notice, v.About, v.Name)
	for _, list := range [][]entry{v.Certificates, v.Sites.Entries, v.Never.Entries, v.Settings.Entries} {
		for _, e := range list {
			labels = append(labels, e.Label)
		}
	}
	for _, label := range labels {
		if strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) || len([]rune(label)) > 200 {
			t.Errorf("%q", label)
		}
	}
	site := v.Sites.Entries
	if !strings.Contains(fmt.Sprint(site), "example.fr · autorisé le 12/03/2026") {
		t.Errorf("%+v", site)
	}
	if got := v.Never.Entries[1]; got.Label != "Ne plus refuser "+strings.Repeat("a", 63)+".example · refusé le 12/03/2026" {
		t.Errorf("%+v", got)
	}
	want := "a__b&c"
	if runtime.GOOS == "windows" { // which has another character for that
		want = "a_b&&c"
	}
	if got := label("a_b&c"); got != want {
		t.Errorf("%q", got)
	}
}

// TestMeaning: a click that may have been aimed at another certificate, or another
// site, does not count.
func TestMeaning(t *testing.T) {
	var m meaning
	now := time.Unix(1e9, 0)
	after := func(d time.Duration) time.Time { now = now.Add(d); return now }
	for _, c := range []struct {
		id      string
		when    time.Duration // after the click before
		click   time.Duration // after when
		settled bool
	}{
		{"one", 0, 0, true}, // it meant nothing before
		{"one", 0, 0, true},
		{"two", time.Hour, settled - 1, false},
		{"two", 0, 1, true},
		{"", time.Hour, 0, true}, // hidden: it means nothing
		{"two", 0, 0, true},      // the same card again
		{"", 0, 0, true},
		{"one", 0, 0, false},
		{"two", settled, 0, false},
		{"two", 0, settled, true},
	} {
		m.become(c.id, after(c.when))
		if got := m.settled(after(c.click)); got != c.settled {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// TestMany: a long list of a kind ends with the number of further ones.
func TestMany(t *testing.T) {
	var s state.State
	for i := range 200 {
		s.Certificates = append(s.Certificates, held(fmt.Sprint(i)))
		s.Sites = append(s.Sites, state.Site{Origin: fmt.Sprintf("https://portail%d.example.fr", i)})
		s.Never = append(s.Never, state.Domain{Name: fmt.Sprintf("example%d.fr", i)})
	}
	v := viewOf(s, "")
	if n := len(v.Certificates); n != maxCertificates || v.Certificates[n-1].Label != "… et 189 autres : cliquez sur la première ligne" || v.Certificates[n-1].ID != "" {
		t.Errorf("%d certificates, the last %+v", n, v.Certificates[n-1])
	}
	if n := len(v.Sites.Entries); n != maxSites {
		t.Errorf("%d sites", n)
	}
	if n := len(v.Never.Entries); n != maxSites || v.Never.Label == "" {
		t.Errorf("%d domains", n)
	}
	if v := viewOf(state.State{}, ""); v.Never.Label != "" {
		t.Errorf("a submenu without domains: %+v", v.Never)
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{"": "", "un": "un", "un deux trois": "un deux|trois", "xxxxxxxxxxxx": "xxx…xxxx", "un xxxxxxxxxxxx": "un|xxx…xxxx"} {
		if got := strings.Join(wrap(text, 8), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestIconsDifferInShape: any two icons differ without colour, on a light and on a dark
// panel, at the size of a panel.
func TestIconsDifferInShape(t *testing.T) {
	const size = 22
	grey := func(i icon, panel color.Gray) []uint8 {
		picture := i.draw(size)
		out := image.NewGray(picture.Rect)
		for k := range out.Pix {
			r, g, b, a := picture.At(k%size, k/size).RGBA() // multiplied by a
			under := uint32(panel.Y) * 0x101 * (0xffff - a) / 0xffff
			out.Pix[k] = color.GrayModel.Convert(color.RGBA64{uint16(r + under), uint16(g + under), uint16(b + under), 0xffff}).(color.Gray).Y
		}
		return out.Pix
	}
	far := func(a, b uint8) bool { return max(a, b)-min(a, b) > 80 } // of 255: clearly visible
	for name, panel := range map[string]color.Gray{"light": {0xf5}, "dark": {0x2d}} {
		for k, one := range icons {
			seen := 0
			for _, p := range grey(one, panel) {
				if far(p, panel.Y) {
					seen++
				}
			}
			if seen < size*size/8 {
				t.Errorf("%s: %s shows %d pixels", name, one, seen)
			}
			for _, other := range icons[k+1:] {
				differ := 0
				a, b := grey(one, panel), grey(other, panel)
				for p := range a {
					if far(a[p], b[p]) {
						differ++
					}
				}
				if differ < size*size/20 {
					t.Errorf("%s: %s and %s differ in %d pixels", name, one, other, differ)
				}
			}
		}
	}
}

// TestICO: a Windows icon holds each size that its directory lists.
func TestICO(t *testing.T) {
	file := iconReady.ico(icoSizes)
	le := binary.LittleEndian
	if n := le.Uint16(file[4:]); le.Uint16(file[2:]) != 1 || int(n) != len(icoSizes) {
		t.Fatalf("%d pictures", n)
	}
	for k, size := range icoSizes {
		e := file[6+16*k:]
		at, n := le.Uint32(e[12:]), le.Uint32(e[8:])
		picture, err := png.Decode(bytes.NewReader(file[at : at+n]))
		if err != nil || picture.Bounds().Dx() != size || int(e[0]) != size || int(e[1]) != size {
			t.Errorf("%d: %v", size, err)
		}
	}
}
