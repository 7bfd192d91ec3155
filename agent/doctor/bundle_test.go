package doctor

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// The people of this world, TEST all of them.
const (
	holder     = "Élodie MARTIN-DURAND"
	colleague  = "Gaëlle LE GOFF" // whose card was here before
	identifier = "899700070016"
	serial     = "70319462"
	homeDir    = "/home/élodie martin"
	site       = "https://portail.cabinet-martin.example.fr:8443"
	machineID  = "3f2a9c1be07d4c55a1b2c3d4e5f60718"
	mail       = "elodie.martin@cabinet.example.fr"
)

// written are the ways in which programs write the same name.
func written(name string) []string {
	plain := strings.Map(func(r rune) rune {
		if r >= 0x300 && r < 0x370 {
			return -1
		}
		return r
	}, norm.NFD.String(name))
	return []string{name, strings.ToUpper(name), strings.ToLower(name), norm.NFD.String(name), plain, strings.ToUpper(plain), strings.ToLower(plain),
		strings.ReplaceAll(plain, "-", " "), strings.ReplaceAll(name, "É", "\xc9"), strings.ReplaceAll(name, "É", "?"), strings.ReplaceAll(name, "É", "Ã\u0089"), strings.ReplaceAll(name, "É", "Ã‰"), url.PathEscape(name), strings.ReplaceAll(name, " ", "\u00a0")}
}

func hostile(t *testing.T) Bundle {
	t.Helper()
	at := time.Date(2026, 11, 29, 4, 31, 0, 0, time.UTC)
	said := []string{homeDir + "/lib/x.so", "file://" + homeDir + "/a b", site, mail, "S-1-5-21-1-2-3-1001", `C:\Users\Élodie Martin\AppData\x.dll`, `C:\\Users\\elodie martin\\x`, `\\serveur\Élodie MARTIN\y`,
		"CN=" + holder + ",SERIALNUMBER=" + identifier, identifier, "8997 0007 0016", serial, machineID, "192.168.1.20", "CABINET\\emartin", "card of " + colleague,
		"uid=emartin,ou=gens,dc=cabinet-martin,dc=fr", "C:/Users/Élodie Martin/AppData/x.dll", "/Users/elodie martin/x", "MARTIN \xff \xe9lodie", "sudo -u martin cmd", `"C:\\Users\\MARTIN\\x"`, "~martin/x", "ssh martin@poste", "MARTIN%20Elodie"}
	said = append(said, written(holder)...)
	var log []journal.Line
	for i, text := range said {
		for _, key := range []string{"error", "why", "path", "origin", "certificate", "user", "account", "program", "holder", "title", "stack", "detail", "reason", "code", "reference"} {
			log = append(log, journal.Line{Time: at.Add(time.Duration(i) * time.Second), Level: "WARN", Message: "the module failed", Attrs: []journal.Attr{{Key: key, Value: text}}})
		}
		log = append(log, journal.Line{Time: at, Level: "INFO", Message: "said " + text})
	}
	x := state.State{Sites: []state.Site{{Origin: site}}, Cards: state.Cards{
		Readers:      []state.Reader{{Name: "Gemalto (2112161234567890) 00 00", Card: "CPS " + serial}},
		Modules:      []state.Module{{Path: homeDir + "/lib/libcps3.so", Info: "Cryptolib 5.1.2"}},
		Certificates: []state.Certificate{{ID: machineID + machineID, Holder: holder, Identifier: identifier, Card: "CPS " + serial, Kind: "CPS", Usable: true}},
	}, Failures: []state.LoginFailure{{Time: at, Code: 1201, Reason: "pin_locked", Reference: "K7M4PX"}}}
	r := Report{Agent: "1.2", Outcome: Problem}
	for _, text := range said {
		if strings.Contains(text, colleague) {
			continue // a finding is of now, and who is here now is known
		}
		r.Findings = append(r.Findings, Finding{Check: "cards", Code: "module_failed", Outcome: Problem, Text: "Module : " + text})
	}
	return Bundle{Report: r, At: at, System: "linux/amd64", State: x, Agent: true, Log: log, Audit: log, LogErr: errors.New("open " + homeDir + "/x: denied"),
		Settings: []policy.Setting{{Key: "modules", Value: policy.Show([]string{homeDir + "/lib/libcps3.so"}), From: homeDir + "/.config/config.toml"}, {Key: "origins.allow", Value: policy.Show([]string{site, "https://b.fr"}), From: "policy"}}}
}

// TestBundleNamesNobody: whatever findings, settings, state and logs hold, and however it is
// written, the report has nothing of a person, a card, a site or this machine, and what
// support needs is in it.
func TestBundleNamesNobody(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		text := hostile(t).Text(lang)
		folded := fold(text)
		private := []string{"martin", "durand", "elodie", "lodie", "gaelle", "goff", "8997", "0016", serial, "cabinet", "portail", "b.fr", machineID, "3f2a9c1b", "192.168", "1001", "emartin", "serveur", "2112161234567890", "home"}
		if u, err := user.Current(); err == nil && u.Username != "root" {
			private = append(private, u.Username)
		}
		if h, err := os.Hostname(); err == nil && len(h) >= shortestPrivate {
			private = append(private, h)
		}
		for _, what := range private {
			if i := strings.Index(folded, fold(what)); i >= 0 {
				t.Errorf("%s: %q is in it: …%s…", lang, what, folded[max(0, i-120):min(len(folded), i+60)])
			}
		}
		if !utf8.ValidString(text) {
			t.Errorf("%s: the report is no UTF-8", lang)
		}
		for _, what := range []string{BundleMark, "CPx Bridge 1.2 · linux/amd64", "[cards/module_failed]", "libcps3.so", "Cryptolib 5.1.2", "origins.allow = 2", "reason=pin_locked reference=K7M4PX", "the module failed", "CPS, usable"} {
			if !strings.Contains(text, what) {
				t.Errorf("%s: %q is missing", lang, what)
			}
		}
	}
	b := hostile(t)
	b.Host = "POSTE-12"
	if strings.Count(b.Text("en"), "Workstation: POSTE-12\n") != 1 {
		t.Error("the workstation is not named, which was asked for")
	}
}

// fold takes case and accents off, so that no spelling hides.
func fold(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 0x300 && r < 0x370 {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
}

// TestBundleHasEachReferenceOnce: of a failure that stands in both logs, and that the agent
// knows of, the report has one line; also where a count has swallowed its line, and where it
// stands only in a file that was set aside.
func TestBundleHasEachReferenceOnce(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, lines ...string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	failed := func(minute int, rest string) string {
		return fmt.Sprintf(`time=2026-11-29T05:%02d:00.000+01:00 level=INFO msg="login failed" origin=https://a.example.fr ms=3 code=1102 reason=no_card error="4: \"x\" y=z" %s audit=failed`, minute, rest)
	}
	write("audit-2026-11-29T05-00-00.000.log", failed(1, "reference=K7M4PX"))
	write("audit.log", failed(2, "reference=R4W9HK"), failed(3, "references=P6X3FM,H2K9MW more=2 first=2026-11-29T05:03:00.000+01:00 last=2026-11-29T05:04:00.000+01:00"))
	write("agent.log", failed(2, "reference=R4W9HK"), failed(3, "references=P6X3FM,H2K9MW more=2"), `torn li`, `time=2026-11-29T05:05:00.000+01:00 level=INFO msg="the state is shown"`)
	var b Bundle
	var errs [2]error
	b.Log, errs[0] = journal.Read(dir, journal.Name)
	b.Audit, errs[1] = journal.Read(dir, journal.AuditName)
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	b.State.Failures = []state.LoginFailure{{Reference: "R4W9HK", Code: 1102}, {Reference: "X3F6PM", Code: 1201, Reason: "pin_locked"}}
	text := b.Text("en")
	for _, ref := range []string{"K7M4PX", "R4W9HK", "P6X3FM", "H2K9MW", "X3F6PM"} {
		n := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, ref) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d lines in\n%s", ref, n, text)
		}
		want := 1
		if ref == "X3F6PM" { // which the log has not
			want = 0
		}
		if found := Find(b.Log, b.Audit, ref, nil); len(found) != want {
			t.Errorf("%s: %q", ref, found)
		}
	}
	if !strings.Contains(text, "the state is shown") || strings.Contains(text, "torn") || !reference.Is("X3F6PM") {
		t.Error(text)
	}
}
