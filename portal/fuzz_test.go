package portal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

const fuzzOrigin = "http://localhost:8443"

// FuzzRequest: whatever is sent to the portal, with a challenge and with the session of
// a card that is being attached too, nobody is logged in, nothing is stored for who has
// no session, the answer is one of its own, says nothing in its markup that was sent as
// text, and leads nowhere else.
func FuzzRequest(f *testing.F) {
	dir := fuzzing.Folder(f)
	settings, err := LoadSettings(writeFile(f, dir, "portal.toml", settingsText(f, dir, fuzzOrigin)))
	if err != nil {
		f.Fatal(err)
	}
	p, err := New(f.Context(), settings, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := p.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := p.AddAccount(f.Context(), NewAccount{Name: testName, Display: "Dr TEST Testeur", Service: "TEST", Password: testPassword}); err != nil {
		f.Fatal(err)
	}
	handler := p.Handler()
	sessions := func(t testing.TB) (n int) {
		if err := p.store.db.QueryRow(`SELECT count(*) FROM sessions`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	f.Fuzz(func(t *testing.T, raw string) {
		// The fuzzer cannot make what the portal made: it writes where it goes.
		if strings.Contains(raw, "{challenge}") {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", fuzzOrigin+"/auth/challenge", nil))
			c := w.Result().Cookies()[0]
			raw = strings.ReplaceAll(raw, "{challenge}", c.Name+"="+c.Value)
		}
		own := strings.Contains(raw, "{pending}")
		if own {
			s, err := p.renew(t.Context(), p.store.db, nil, session{pending: &card{Group: "test", Identifier: "899700000000", Holder: "TEST", Certificate: "00", Named: true}})
			if err != nil {
				t.Fatal(err)
			}
			raw = strings.ReplaceAll(raw, "{pending}", p.cookieName()+"="+s.id)
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.7:50000"
		var fields url.Values
		if head, body, found := strings.Cut(raw, "\r\n\r\n"); found && strings.Contains(head, "x-www-form-urlencoded") {
			fields, _ = url.ParseQuery(body)
		}
		before := sessions(t)
		w := httptest.NewRecorder()
		if spent := fuzzing.Spent(func() { handler.ServeHTTP(w, r) }); spent > 32<<20+500*uint64(len(raw)) { // a password's hash has 19 MiB
			t.Errorf("%d bytes for a request of %d", spent, len(raw))
		}
		if after := sessions(t); after > before || after < before && !own {
			t.Errorf("%d sessions became %d: %q", before, after, raw)
		}
		checkAnswer(t, raw, fields, w)
	})
}

func checkAnswer(t *testing.T, raw string, fields url.Values, w *httptest.ResponseRecorder) {
	t.Helper()
	status, head, body := w.Code, w.Header(), w.Body.String()
	if status >= 500 || status < 200 {
		t.Errorf("%q is answered %d: %.300s", raw, status, body)
	}
	if to := head.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\x00")) {
		t.Errorf("%q leads to %q", raw, to)
	}
	for name := range head {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("%q is answered with %s", raw, name)
		}
	}
	if head.Get("Content-Security-Policy") != csp || head.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%q is answered without protection: %v", raw, head)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == "cpx" && c.MaxAge >= 0 {
			t.Errorf("%q gets a session: %v", raw, c)
		}
	}
	switch kind := head.Get("Content-Type"); {
	case strings.HasPrefix(kind, "text/html"):
		for _, values := range fields {
			for _, v := range values {
				if i := strings.IndexAny(v, `<"`); i >= 0 && len(v) > i+4 && strings.Contains(body, v) {
					t.Errorf("%q comes back as it was sent, to %q", v, raw)
				}
			}
		}
	case strings.HasSuffix(kind, "json"):
		if err := strictjson.Check(bytes.TrimSpace(w.Body.Bytes())); err != nil {
			t.Errorf("%q is answered %q: %v", raw, body, err)
		}
		var problem struct {
			Reason string `json:"reason"`
			Next   string `json:"next"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &problem)
		if problem.Next != "" {
			t.Errorf("%q is let in", raw)
		}
		if status >= 400 && problem.Reason == "" {
			t.Errorf("%q is answered without a reason: %s", raw, body)
		}
	}
}

// FuzzSettings: whatever stands in a portal's settings, it is refused by name or safe to
// run: test cards and plain http stay on this machine, and no card is taken without a
// revocation check but a test card.
func FuzzSettings(f *testing.F) {
	dir := fuzzing.Folder(f)
	file := filepath.Join(dir, "portal.toml")
	good := settingsText(f, dir, "https://portail.test.example")
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadSettings(file)
		if err != nil {
			var refused *SettingsError
			if !errors.As(err, &refused) || len(err.Error()) > 4000 || strings.ContainsAny(err.Error(), "\x00\r\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		u, err := url.Parse(s.Origin)
		if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil {
			t.Errorf("origin %q: %v", s.Origin, err)
		}
		if !s.local() && (u.Scheme != "https" && !s.AllowInsecure || s.testGroups() && !s.AllowTestGroups) {
			t.Errorf("taken beyond this machine: %+v", s)
		}
		for _, g := range s.TrustGroups {
			if !g.Test {
				t.Errorf("real cards without revocation: %+v", s)
			}
		}
		if s.Session.Idle <= 0 || s.Session.Total <= 0 || time.Duration(s.Session.Idle) > 1<<62 {
			t.Errorf("session %+v", s.Session)
		}
		if c := s.CardLogin; c.PortsFirst < 1024 || c.PortsFirst+c.PortsCount > 65536 || strings.HasPrefix(c.InstallURL, "//") || strings.Contains(strings.ToLower(c.InstallURL), "javascript:") && !strings.HasPrefix(c.InstallURL, "/") && !strings.HasPrefix(c.InstallURL, "https://") {
			t.Errorf("card login %+v", c)
		}
	})
}
