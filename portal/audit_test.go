package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// What people do is in the audit log, as a line and as a row: who, by which certificate, from
// where, behind the operator's proxy too. No password, token or session is. Whoever has no card
// that the site accepts is a line alone.
func TestAudit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	s := newSite(t, portallab.Replacing("[[trust_group]]", fmt.Sprintf("proxies = [\"127.0.0.1\"]\n[audit]\nfile = %q\n\n[[trust_group]]", file)))
	card, fresh := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	b := s.browser(t)
	b.header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
	token := card.token(t, s.origin, b.challenge())
	if next, _ := outcome(t, b.send(token)); next != pathFirst {
		t.Fatal(next)
	}
	b.password(testName, "TEST autre mot de passe")
	b.password("TEST autre mot de passe", testPassword) // a password typed in the wrong field
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	b.redirected(b.confirm(), pathAttached)
	b.entered(card, "Dr TEST Testeur")
	b.attach(fresh, testName)
	b.redirected(b.post("/cartes/"+cardIDs(t, b.get(pathSpace))[0]+"/detacher"), pathSpace+"?carte=detachee")
	other := s.browser(t)
	other.header.Set("X-Forwarded-For", "203.0.113.9")
	other.entered(fresh, "Dr TEST Testeur")
	one := regexp.MustCompile(`name="session" value="([^"]+)"`).FindStringSubmatch(b.get(pathSpace).raw)
	if one == nil {
		t.Fatal("the space lists no other session")
	}
	b.redirected(b.mine("/sessions/fermer", "session", one[1]), pathSpace+"?session=une")
	b.redirected(b.mine("/sessions/autres"), pathSpace+"?session=autres")
	b.redirected(b.mine("/deconnexion"), pathLoggedOut)
	foreign, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b.login(issue(t, foreign.Intermediate, demopki.NewHolder("CPS", 1)))

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []store.AuditEvent
	for line := range bytes.Lines(text) {
		var e store.AuditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, e)
	}
	sum := sha256.Sum256(card.cert.Raw)
	certificate := hex.EncodeToString(sum[:])
	var rows []store.AuditEvent
	err = s.store.Audit(t.Context(), time.Time{}, 0, func(e store.AuditEvent) error { rows = append(rows, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	listed, err := (&administration.Administration{Store: s.store}).Audit(t.Context(), time.Time{}, "")
	if err != nil || len(listed) != len(rows) {
		t.Fatalf("%d rows of %d, %v", len(listed), len(rows), err)
	}
	for _, e := range listed {
		if e.Account != 0 && e.Name == "" {
			t.Errorf("an operator sees no user name of account %d: %s", e.Account, e.Event)
		}
	}
	said := func(list []store.AuditEvent) string {
		var names []string
		for _, e := range list {
			names = append(names, e.Event)
			if e.Address != "203.0.113.9" || e.At.IsZero() {
				t.Errorf("%+v", e)
			}
		}
		return strings.Join(names, " ")
	}
	want := "card_proved password_refused password_refused card_attached login card_proved card_attached card_detached login sessions_ended sessions_ended logged_out"
	if got := said(rows); got != want {
		t.Errorf("rows %s\nwant %s", got, want)
	}
	if got := said(lines); got != want+" login_refused" || lines[len(lines)-1].Reason != "untrusted_ca" {
		t.Errorf("lines %s", got)
	}
	if in := rows[4]; in.Account == 0 || in.Card == 0 || in.Certificate != certificate {
		t.Errorf("%+v", in)
	}
	if first, second := rows[1], rows[2]; first.Name != testName || second.Name != "" || second.Account != 0 || second.Certificate != certificate {
		t.Errorf("%+v, %+v", first, second)
	}
	everything := string(text) + fmt.Sprint(rows)
	for _, secret := range []string{testPassword, "autre mot de passe", b.cookie().Value, string(token)} {
		if secret != "" && strings.Contains(everything, secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	b.shows(b.get("/assistance"), http.StatusOK)
}

// A login whose row of the audit log cannot be written is a login, with its line: the log says
// what is missing.
func TestLoginWithoutItsRow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	s := newSite(t, portallab.Replacing("[[trust_group]]", fmt.Sprintf("[audit]\nfile = %q\n\n[[trust_group]]", file)))
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	s.browser(t).attach(card, testName)
	if _, err := s.db.Exec(`ALTER TABLE audit RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	s.browser(t).entered(card, "Dr TEST Testeur")
	if _, err := s.db.Exec(`ALTER TABLE elsewhere RENAME TO audit`); err != nil {
		t.Fatal(err)
	}
	s.browser(t).entered(card, "Dr TEST Testeur")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := s.db.QueryRow(`SELECT COUNT(*) FROM audit WHERE event = 'login'`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
	if lines := strings.Count(string(text), `"event":"login"`); lines != 2 {
		t.Errorf("%d lines of two logins", lines)
	}
	if n := strings.Count(s.log.String(), "an event is missing in the database's audit log"); n != 1 {
		t.Errorf("the log says %d times that one is missing", n)
	}
}
