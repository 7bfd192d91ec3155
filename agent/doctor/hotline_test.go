package doctor

import (
	"strings"
	"testing"
	"time"
)

// TestHotline: whatever a module, a reader or another program says, nothing of who sits here
// goes to the hotline, and what support needs stays.
func TestHotline(t *testing.T) {
	r := Report{Agent: "1.2", System: "linux", Outcome: Problem, Findings: []Finding{
		{Check: "settings", Code: "settings_taken", Outcome: Good, Text: "Tous les réglages sont appliqués."},
		{Check: "cards", Code: "card_failed", Outcome: Problem, Text: "Lecteur Gemalto (2112161234567890) 00 00 : illisible (C_FindObjects: 0x00000030: CKR_DEVICE_ERROR, card of Élodie MARTIN-DURAND, 899700070016)."},
		{Check: "agent", Code: "port_other_program", Outcome: Problem, Text: `Le port 27721 est tenu par C:\Users\jdoe\x.exe (compte S-1-5-21-1-2-3-1001), \\serveur\partage\y.dll, /home/autre/z (compte 1001).`},
		{Check: "browsers", Code: "policy_missing", Outcome: Problem, Text: "Firefox : le navigateur posera sa question pour https://portail.cabinet.fr:8443, https://b.fr", Next: `cpx-agent policy browsers --origin "https://portail.cabinet.fr:8443" --write`},
		{Check: "cards", Code: "module_works", Outcome: Good, Text: "Module /opt/libcps3.so : fonctionne (Cryptolib 5.1.2, Cryptoki 2.20). Poste POSTE-12, martin@cabinet.fr, Martinique"},
	}}
	private := []string{"Élodie MARTIN-DURAND", "Élodie", "MARTIN-DURAND", "899700070016", "poste-12", "martin", "le", ""}
	text := r.Hotline(time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), "linux/amd64", private)
	for _, what := range []string{"lodie", "MARTIN-DURAND", "8997", "2112161", "jdoe", "S-1-5-21-1", "serveur", "autre", "1001", "cabinet", "b.fr", "POSTE-12", "martin@"} {
		if strings.Contains(text, what) {
			t.Errorf("%q is in it:\n%s", what, text)
		}
	}
	for _, what := range []string{"CPx Bridge 1.2 · linux/amd64 · 2026-01-02", "[cards/card_failed]", "0x00000030: CKR_DEVICE_ERROR", "Gemalto (…) 00 00", "27721", `C:\Users\…\x.exe`,
		"libcps3.so", "5.1.2", "Martinique", "policy browsers --origin", "✓ [settings/settings_taken] Tous les réglages"} {
		if !strings.Contains(text, what) {
			t.Errorf("%q is missing:\n%s", what, text)
		}
	}
	if strings.Index(text, "✗") > strings.Index(text, "✓") {
		t.Errorf("what is wrong does not stand first:\n%s", text)
	}
}
