package portal

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

const fuzzOrigin = "http://localhost:8443"

// FuzzRequest: whatever is sent to the portal, with a challenge and with the session of
// a card that is being attached too, nobody is logged in, nothing is stored for who has
// no session, the answer is one of its own, says nothing in its markup that was sent as
// text, and leads nowhere else.
func FuzzRequest(f *testing.F) {
	dir := fuzzing.Folder(f)
	read, err := settings.Load(portallab.WriteFile(f, dir, "portal.toml", portallab.SettingsText(f, dir, fuzzOrigin)))
	if err != nil {
		f.Fatal(err)
	}
	p, err := New(f.Context(), read, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := p.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := p.Administration().AddAccount(f.Context(), administration.NewAccount{Name: testName, Display: "Dr TEST Testeur", Service: "TEST", Password: testPassword}); err != nil {
		f.Fatal(err)
	}
	db := portallab.Database(f, read.Database)
	handler := p.Handler()
	rows := func(t testing.TB) (n int) {
		if err := db.QueryRow(`SELECT count(*) FROM sessions`).Scan(&n); err != nil {
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
			id := rand.Text()
			_, _, err := p.store.Login(t.Context(), store.Card{Group: "test", Identifier: "899700000000", Holder: "TEST", Certificate: "00", Named: true}, nil, store.Session{Hash: hashOf(id)}, time.Now(), sessions.PendingLife, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw = strings.ReplaceAll(raw, "{pending}", p.sessions.CookieName()+"="+id)
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
		before := rows(t)
		w := httptest.NewRecorder()
		if spent := fuzzing.Spent(func() { handler.ServeHTTP(w, r) }); spent > 32<<20+500*uint64(len(raw)) { // a password's hash has 19 MiB
			t.Errorf("%d bytes for a request of %d", spent, len(raw))
		}
		if after := rows(t); after > before || after < before && !own {
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
