package state

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// TestPlain: of each state the person reads that it works, or what is wrong and what to do, and
// no name, number, path or process.
func TestPlain(t *testing.T) {
	holder := Certificate{ID: "1", Holder: "CAMILLE TEST", Identifier: "899700070016", Card: "CPS-1"}
	with := func(change func(*State)) State {
		c := holder
		c.Usable = true
		s := State{Version: "TEST", PID: 42, Card: CardPresent, ReaderCount: 1, Cards: Cards{Certificates: []Certificate{c}}}
		change(&s)
		return s
	}
	refused := func(reason string, pin PIN) State {
		return with(func(s *State) {
			s.Certificates[0].Usable, s.Certificates[0].Reason, s.Certificates[0].PIN = false, reason, pin
		})
	}
	reader := func(r Reader) State {
		return with(func(s *State) { s.Certificates, s.Readers = nil, []Reader{r} })
	}
	absent := func(readers int, pcsc string) State {
		return with(func(s *State) { s.Certificates, s.Card, s.ReaderCount, s.PCSC = nil, CardAbsent, readers, pcsc })
	}
	for want, s := range map[string]State{
		"Tout est prêt : vous pouvez":   with(func(*State) {}),
		"répondez dans sa fenêtre":      with(func(s *State) { s.InUse = true }),
		"Patientez quelques secondes":   with(func(s *State) { s.Card, s.Certificates = CardUnknown, nil }),
		"un logiciel de ce poste":       with(func(s *State) { s.Failure = &Failure{Detail: "/opt/x.so"} }),
		"sur le poste lui-même":         absent(0, NoPermission),
		"arrêté ou absent":              absent(0, NoService),
		"Branchez-en un":                absent(0, ""),
		"insérez votre carte dans":      absent(1, ""),
		"lue sans contact ne":           reader(Reader{Contactless: true}),
		"Retirez-la, puis":              reader(Reader{Error: "pkcs11"}),
		"ne montre rien sans son code":  reader(Reader{Hidden: true}),
		"dans le bon sens":              reader(Reader{Mute: true}),
		"n’est pas reconnue":            reader(Reader{}),
		"Cette carte a expiré":          refused(ReasonExpired, ""),
		"se connecter. Copiez":          refused(ReasonNoKey, ""),
		"bloqué. Faites débloquer":      refused(ReasonPINLocked, PINLocked),
		"Dernier essai du code porteur": with(func(s *State) { s.Certificates[0].PIN = PINFinalTry }),
		"TEST settings":                 with(func(s *State) { s.SettingsFailure = &Failure{Detail: "TEST settings"} }),
		"vous choisirez le vôtre": with(func(s *State) {
			other := s.Certificates[0]
			other.ID, other.Identifier = "2", "899700070024"
			s.Certificates = append(s.Certificates, other)
		}),
	} {
		got := s.Plain(language.French)
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
		if strings.Contains(got, "Dernier essai") && strings.Contains(got, "Tout est prêt") {
			t.Errorf("who has one try is told that all is ready: %q", got)
		}
		for _, never := range []string{"CAMILLE", "8997", "\ufffd", "CPS-1", "/opt", "42", "%!"} {
			if strings.Contains(got+s.Plain(language.English), never) {
				t.Errorf("%q is in %q", never, got)
			}
		}
	}
}
