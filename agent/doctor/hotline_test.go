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
	for _, what := range []string{"CPx Bridge 1.2 · linux/amd64 · 2026-01-02", "[cards/card_failed]", "0x00000030: CKR_DEVICE_ERROR", "Gemalto (…) 00 00", "27721 est tenu par … (compte …)", `…\y.dll`,
		"libcps3.so", "5.1.2", "Martinique", "policy browsers --origin", "✓ [settings/settings_taken] Tous les réglages"} {
		if !strings.Contains(text, what) {
			t.Errorf("%q is missing:\n%s", what, text)
		}
	}
	if strings.Index(text, "✗") > strings.Index(text, "✓") {
		t.Errorf("what is wrong does not stand first:\n%s", text)
	}
}

// TestHotlineForms: what names a person, a machine or a site is left out by its form alone, and
// what support needs beside it stays.
func TestHotlineForms(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`tenu par C:\Users\Jean Dupont\AppData\x.exe (port 27721)`, `tenu par … (port 27721)`},
		{`dossier C:\Users\Jean Dupont : illisible`, `dossier … : illisible`},
		{`C:\Users\Jean (interne)\x.dll absent`, `…\x.dll absent`},
		{`C:\Users\jean.dll absent`, `… absent`},
		{`/home/jean.so absent`, `… absent`},
		{`Module /home/Jean Dupont/lib/libcps3.so.2 : absent`, `Module …/libcps3.so.2 : absent`},
		{`/home/jean/Dupont.pem absent`, `… absent`},
		{`lu /home/CABINET/jdoe/x.log puis`, `lu … puis`},
		{`lu /home/cabinet.local/jdoe/a b/x, CKR_OK`, `lu …, CKR_OK`},
		{`lu /home/Jean Dupont CKR_DEVICE_ERROR`, `lu … CKR_DEVICE_ERROR`},
		{`compte CABINET\jdupont, fin`, `compte …, fin`},
		{`C:\Windows\a.dll par CABINET\Jean Dupont`, `C:\Windows\a.dll par …`},
		{`D:\Outils\a.dll par CABINET\jd.exe`, `…\a.dll par …`},
		{`/srv/home2/jdoe`, `…`},
		{`(/var/lib/homes/jdoe)`, `(…)`},
		{`/mnt/nas/Dupont: plein`, `…: plein`},
		{`/mnt/nas/Dupont/libx.so.1 absent`, `…/libx.so.1 absent`},
		{`/usr/lib/a.so et /srv/jdoe/b`, `/usr/lib/a.so et …`},
		{`D:\Profils\jdupont`, `…`},
		{`\\serveur\Jean Dupont\y.dll, fin`, `…\y.dll, fin`},
		{`poste pc-secretariat.cabinet-martin.fr injoignable`, `poste … injoignable`},
		{`proxy.chu-lille.fr:3128`, `…:3128`},
		{`192.168.1.20:27721, [fe80::1c2:3]:443, 127.0.0.1:27721, ::1, 0.0.0.0`, `…:27721, […]:443, 127.0.0.1:27721, ::1, 0.0.0.0`},
		{`00:1A:2B:3c:4d:5e et 00-1A-2B-3C-4D-5E à 15:04:05`, `… et … à 15:04:05`},
		{`user@localhost`, `…`},
		{`hélène.dupont@cabinet.fr`, `…`},
		{`CN=PETIT Claire, O=Cabinet Martin, SN="PETIT, C", fin`, `CN=…, O=…, SN=…, fin`},
		{`Gemalto (53A1B2C3D4E5) 00 00`, `Gemalto (…) 00 00`},
		{`Lecteur X (AB12CD34-GH) 00`, `Lecteur X (…) 00`},
		{`YubiKey 1234567`, `YubiKey …`},
		{`carte 8997 0007 0016 bloquée`, `carte … bloquée`},
		{"carte 8997\u00a00007\u202f0016", `carte …`},
		{`C:\Program Files (x86)\santesocial\CPS\cps3.dll`, `C:\Program Files (x86)\santesocial\CPS\cps3.dll`},
		{`C:\Program Files\CPx Bridge`, `C:\Program Files\… Bridge`},
		{`/etc/cpx-bridge/agent.toml:12, /usr/bin/cpx-agent, /lib64/x.so`, `/etc/cpx-bridge/agent.toml:12, /usr/bin/cpx-agent, /lib64/x.so`},
		{`HKLM\SOFTWARE\Policies\Mozilla absent`, `HKLM\SOFTWARE\Policies\Mozilla absent`},
		{`Cryptolib 5.1.2.0, Firefox 128.5.0, linux/amd64, pcscd.service, agent.log`, `Cryptolib 5.1.2.0, Firefox 128.5.0, linux/amd64, pcscd.service, agent.log`},
		{`C_FindObjects: 0x00000030: CKR_DEVICE_ERROR, SCARD 0x8010002E`, `C_FindObjects: 0x00000030: CKR_DEVICE_ERROR, SCARD 0x8010002E`},
		{`org.freedesktop.secrets absent`, `org.freedesktop.secrets absent`},
	} {
		r := Report{Agent: "1.2", Outcome: Problem, Findings: []Finding{{Check: "c", Code: "d", Outcome: Problem, Text: c.text}}}
		_, got, _ := strings.Cut(r.Hotline(time.Now(), "linux/amd64", nil), "[c/d] ")
		if got != c.want+"\n" {
			t.Errorf("%s\n is  %s want %s", c.text, got, c.want)
		}
	}
}
