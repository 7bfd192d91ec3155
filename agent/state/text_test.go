package state

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// everything is a state in which all that can be said is said.
func everything() State {
	c := Certificate{ID: strings.Repeat("c", 64), Holder: "Dr TEST", Identifier: "8000000001", Profession: "Médecin", Kind: "CPS", NotAfter: time.Now(), Usable: true, Chosen: true, Renew: true}
	expired := Certificate{ID: strings.Repeat("e", 64), Holder: "Dr TEST", Reason: ReasonExpired}
	readers := []Reader{{Name: "TEST reader", Card: "TEST 1"}, {Name: "Reader two"}, {Name: "Reader three", Unknown: true}, {Name: "Reader four", Unknown: true, Mute: true}, {Name: "Reader five", Contactless: true}, {Name: "Reader six", Card: "TEST 4", Hidden: true, Error: "TEST card"}}
	for i, pin := range []PIN{PINCountLow, PINFinalTry, PINLocked, PINLockedOrInUse, PINNotSet, PINExpired} {
		readers = append(readers, Reader{Name: "Reader with a warning", Card: fmt.Sprintf("card %d", i), PIN: pin})
	}
	return State{
		Version: "1.2.3", PID: 42, Addresses: []string{"127.0.0.1:27720", "[::1]:27720"}, WSS: []string{"127.0.0.1:27820"},
		WSSFailure: &Failure{Reason: "TEST", Detail: "TEST wss"}, Failure: &Failure{Reason: "internal", Detail: "TEST error"},
		Cards: Cards{Reading: true, Readers: readers, Certificates: []Certificate{c, expired}, Modules: []Module{
			{Path: "/opt/one.so", Info: "Maker, Library, Cryptoki 2.20"},
			{Path: "/opt/two.so", Error: "TEST", Reason: "no_module"}, {Path: "/opt/three.so", Error: "TEST", Reason: "not_pkcs11"}, {Path: "/opt/four.so", Error: "TEST", Reason: "module_failed"},
			{Path: "/opt/eight.so", Opening: true}, {Path: "/opt/nine.so", Error: "TEST", Reason: "hanging"}, {Path: "/opt/ten.so", Error: "TEST", Reason: "stale_cache"},
			{Path: "/opt/five.so", Error: "TEST", Reason: "missing_dependency"}, {Path: "/opt/six.so", Error: "TEST", Reason: "wrong_architecture"}, {Path: "/opt/seven.so", Error: "TEST", Reason: "not_loadable"},
		}},
		Sites: make([]Site, 3), SitesKnown: true,
		Ignored: []Setting{{File: "/home/test/config.toml", Line: 3, Key: "ports.first"}}, Log: "/home/test/agent.log",
	}
}

func TestText(t *testing.T) {
	s := everything()
	for lang, parts := range map[string][]string{
		language.French: {
			"CPx Bridge 1.2.3 est en marche (processus 42).", "Adresses : 127.0.0.1:27720, [::1]:27720", "Adresses wss : 127.0.0.1:27820", "wss n’est pas servi. TEST wss", "/opt/one.so  Maker, Library, Cryptoki 2.20",
			"/opt/two.so  n’existe pas (", "/opt/eight.so  est en cours d’ouverture\n", "/opt/nine.so  ne répond pas (TEST)", "/opt/ten.so  tire de son cache le certificat d’une autre carte (TEST)", "/opt/five.so  demande une bibliothèque qui manque (TEST)", "/opt/six.so  est fait pour un autre type", "/opt/seven.so  ne se charge pas (", "/opt/three.so  n’est pas un module PKCS#11 (", "/opt/four.so  ne fonctionne pas (",
			"TEST reader  TEST 1", "Reader two  sans carte", "Reader three  carte non reconnue",
			"peu d’essais", "dernier essai", "est bloqué", "pas encore de code porteur", "doit d’abord être changé", "aucun certificat avant", "n’a pas pu être lu (TEST card)",
			"utilisable) ← prochaine connexion", "expiré)", "cours de lecture", "ne peuvent pas être lues (TEST error).", "expire bientôt, à renouveler",
			"Sites toujours autorisés : 3", "/home/test/config.toml, ligne 3 : ports.first", "Journal : /home/test/agent.log",
		},
		language.English: {
			"CPx Bridge 1.2.3 is running (process 42).", "Addresses: 127.0.0.1:27720", "Addresses of wss: 127.0.0.1:27820", "wss is not served. TEST wss", "/opt/two.so  does not exist (", "/opt/eight.so  is being opened\n", "/opt/nine.so  does not answer (TEST)", "/opt/ten.so  gives another card’s certificate from its cache (TEST)", "/opt/five.so  needs a library that is missing (TEST)", "/opt/six.so  is made for another kind", "/opt/seven.so  cannot be loaded (", "/opt/three.so  is no PKCS#11 module (",
			"/opt/four.so  does not work (", "Reader two  no card", "Reader three  card not recognised", "few tries are left", "last try", "PIN is locked", "no PIN yet", "must be changed first", "no certificate before", "could not be read (TEST card)",
			"usable) ← next login", "expired)", "are being read", "cannot be read (TEST error).", "expires soon, have it renewed", "Sites always allowed: 3",
			"/home/test/config.toml, line 3: ports.first", "Log: /home/test/agent.log",
		},
	} {
		text := s.Text(lang)
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is missing:\n%s", lang, part, text)
			}
		}
		if strings.ContainsRune(text, '\uFFFD') || strings.Contains(text, "%!") {
			t.Errorf("%s:\n%s", lang, text)
		}
	}
}

// Why no site is remembered is said in words, and takes the place of their number;
// what has no words is said as it came.
func TestTextOfSites(t *testing.T) {
	s := everything()
	for failure, want := range map[Failure]string{
		{Reason: sites.Reason(sites.ErrLocked), Detail: "TEST detail"}: sites.Why(sites.ErrLocked, language.English),
		{Reason: "failed", Detail: "TEST detail"}:                      "TEST detail",
	} {
		s.SitesFailure = &failure
		if text := s.Text(language.English); !strings.Contains(text, want) || strings.Contains(text, "Sites always") {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// A pause of unknown sites is said with its end, and with what ends it before.
func TestTextOfThePause(t *testing.T) {
	s := everything()
	if text := s.Text(language.English); strings.Contains(text, "paused until") {
		t.Error(text)
	}
	s.UnknownSitesPaused = time.Date(2026, 1, 1, 14, 5, 0, 0, time.Local)
	for lang, want := range map[string][]string{language.English: {"are paused until 14:05", "cpx-agent sites resume"}, language.French: {"sont suspendues jusqu’à 14:05", "cpx-agent sites resume"}} {
		for _, want := range want {
			if text := s.Text(lang); !strings.Contains(text, want) {
				t.Errorf("%q is missing:\n%s", want, text)
			}
		}
	}
}

// Why no log is kept takes the place of its file.
func TestTextOfTheLog(t *testing.T) {
	s := everything()
	for reason, want := range map[string]string{"log_full": "is full: no log is kept in /home/test, ", "log_refused": "No log is kept in /home/test, and nothing is remembered there (TEST detail).", "audit_log_refused": "The log is kept in /home/test, but not audit.log, where refusals and logins by card stay longer (TEST detail)."} {
		s.LogFailure = &Failure{Reason: reason, Detail: "TEST detail"}
		want = strings.ReplaceAll(want, "/home/test", filepath.FromSlash("/home/test"))
		if text := s.Text(language.English); !strings.Contains(text, want) || strings.Contains(text, "Log: ") {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// Why the encrypted socket is not served is said likewise.
func TestTextOfWSS(t *testing.T) {
	for _, err := range []error{
		localcert.ErrNotInstalled, localcert.ErrExpired, localcert.ErrKeyLost, localcert.ErrDamaged, localcert.ErrNoStore, localcert.ErrNoTool,
		localcert.ErrTrust, localcert.ErrStillTrusted, localcert.ErrLost, keyring.ErrNone, keyring.ErrLocked, keyring.ErrSlow, keyring.ErrRefused, keyring.ErrNoCollection, keyring.ErrEntryLocked,
	} {
		f := Failure{Reason: localcert.Reason(err), Detail: "TEST detail"}
		if text, want := f.WSSText(language.English), localcert.Why(err, language.English); text != want {
			t.Errorf("%v: %q, want %q", err, text, want)
		}
	}
	if text := (Failure{Reason: localcert.Reason(errors.New("TEST")), Detail: "TEST detail"}).WSSText(language.English); text != "TEST detail" {
		t.Errorf("an error without a text: %q", text)
	}
}

// Each reason has a text of its own in each language.
func TestReasonText(t *testing.T) {
	for _, lang := range []string{language.French, language.English} {
		seen := map[string]bool{"": true}
		for _, reason := range []string{
			ReasonUsable, ReasonExpired, ReasonNotYetValid, ReasonNotForAuthentication, ReasonKeyWithoutPIN, ReasonUnreadable, ReasonNoKey, ReasonKeyUnsupported, ReasonPINLocked, ReasonPINNotSet, ReasonPINExpired,
		} {
			text := ReasonText(reason, lang)
			if seen[text] {
				t.Errorf("%s: %s reads as %q", lang, reason, text)
			}
			seen[text] = true
		}
	}
}

// What a card or a module says must not steer a terminal, nor make a line of
// its own.
func TestTextIsSafe(t *testing.T) {
	s := everything()
	lines := strings.Count(s.Text(language.French), "\n")
	const hostile = "a\x1b[31mb\u202ec\u009bd\ne"
	s.Readers[0].Name, s.Certificates[0].Holder, s.Modules[0].Info, s.Failure.Detail = hostile, hostile, hostile, hostile
	s.Ignored[0].Key, s.Modules[1].Error, s.WSSFailure.Detail = hostile, hostile, hostile
	text := s.Text(language.French)
	if strings.ContainsAny(text, "\x1b\u202e\u009b") || strings.Count(text, "\n") != lines {
		t.Errorf("%q", text)
	}
}

// The next login is known where one was chosen or only one is usable.
func TestNext(t *testing.T) {
	one, two := Certificate{ID: "1", Usable: true}, Certificate{ID: "2", Usable: true}
	chosen, locked := two, Certificate{ID: "3", Chosen: true, Reason: ReasonPINLocked}
	chosen.Chosen = true
	for want, list := range map[string][]Certificate{"1": {one, locked}, "2": {one, chosen}, "": {one, two}} {
		if got, known := (Cards{Certificates: list}).Next(); got.ID != want || known != (want != "") {
			t.Errorf("%q: %+v", want, got)
		}
	}
}

// TestSitesTextOfWindows: its keyring is called by the name that people find there.
func TestSitesTextOfWindows(t *testing.T) {
	for _, reason := range []string{"keyring_slow", "keyring_refused", "list_key_lost"} {
		for lang, name := range map[string]string{"fr": "Gestionnaire d’identification", "en": "Credential Manager"} {
			text := Failure{Reason: reason}.sitesText(lang, "windows")
			if !strings.Contains(text, name) || strings.Contains(text, "trousseau") || strings.Contains(text, "keyring") {
				t.Errorf("%s, %s: %s", reason, lang, text)
			}
			if other := (Failure{Reason: reason}).sitesText(lang, "linux"); strings.Contains(other, "Windows") {
				t.Errorf("%s, %s: %s", reason, lang, other)
			}
		}
	}
}

// TestReplacedText: both versions, and what to do; what a file says of itself steers nothing.
func TestReplacedText(t *testing.T) {
	for want, r := range map[string]*Replaced{
		"": nil,
		"Version 0.2.0 is installed; version 0.1.0 still runs.": {Version: "0.2.0"},
		"the one from before, version 0.1.0, still runs":        {Version: "0.1.0"},
		"no longer installed on this machine; version 0.1.0":    {Removed: true},
	} {
		got := State{Version: "0.1.0", Replaced: r}.ReplacedText("en")
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%+v: %q", r, got)
		}
	}
	if got := (Replaced{Version: "\x1b[2J" + strings.Repeat("9", 100)}).Short(); strings.Contains(got, "\x1b") || len([]rune(got)) > maxVersion {
		t.Errorf("%q", got)
	}
}
