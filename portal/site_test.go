package portal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/portal/pages"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

const (
	testName     = "dtest"
	testPassword = "TEST mot de passe"
)

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// site is a portal with one account that answers on loopback.
type site struct {
	*Portal
	db     *sql.DB // its database, past its store
	clock  *clock
	origin string
	log    *bytes.Buffer
}

type siteOption = func(text string) string

func newSite(t *testing.T, options ...siteOption) *site {
	t.Helper()
	return newSiteUnder(t, nil, options...)
}

func newSiteUnder(t *testing.T, more []*x509.Certificate, options ...siteOption) *site {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s := &site{clock: &clock{at: time.Now()}, origin: "http://" + server.Listener.Addr().String(), log: &bytes.Buffer{}}
	dir := t.TempDir()
	text := portallab.SettingsText(t, dir, s.origin, more...)
	if database := databaseOf(t); database != "" {
		text = portallab.Replacing(`database = "portal.db"`, fmt.Sprintf("database = %q", database))(text)
	}
	for _, o := range options {
		text = o(text)
	}
	read, err := settings.Load(portallab.WriteFile(t, dir, "portal.toml", text))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.Portal, err = New(t.Context(), read, Options{Logger: log, Now: s.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.db = portallab.Database(t, read.Database)
	s.account(t, testName, "Dr TEST Testeur")
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// textLog is a log of lines to w.
func textLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(&lockedWriter{w: w}, nil))
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// account adds an account past the operator's commands, which refuse names that nobody can type
// and write into the audit log.
func (s *site) account(t *testing.T, name, display string) {
	t.Helper()
	hash, err := passwords.Hash(testPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.AddAccount(t.Context(), store.Account{Name: name, Display: display, Service: "SERVICE TEST", Region: "bretagne", Password: hash}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// testCard is a card's certificate with its key, which signs as the agent would.
type testCard struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func issue(t *testing.T, by *demopki.Authority, h demopki.Holder) testCard {
	t.Helper()
	return issueAt(t, by, demopki.Leaf{Holder: h})
}

func issueAt(t *testing.T, by *demopki.Authority, l demopki.Leaf) testCard {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if l.NotAfter.IsZero() {
		l.NotBefore, l.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(3, 0, 0)
	}
	l.PublicKey = key.Public()
	cert, err := by.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return testCard{key, cert}
}

func (c testCard) token(t *testing.T, origin, nonce string) []byte {
	t.Helper()
	message, err := authtoken.Message("ES256", origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	hash := crypto.SHA256.New()
	hash.Write(message)
	r, s, err := ecdsa.Sign(rand.Reader, c.key, hash.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	token, err := authtoken.New(c.cert, "ES256", raw, "test")
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// browser is a browser's session with the site. It follows no redirect, so that a
// test sees each.
type browser struct {
	t      *testing.T
	site   *site
	client *http.Client
	header http.Header // of each request
}

// browser is a browser's session with the site. It follows no redirect, so that a
// test sees each.
func (s *site) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, site: s, header: http.Header{"Accept-Language": {"fr"}}, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response with its body; text is the body without HTML's escapes.
type answer struct {
	*http.Response
	raw  string
	text string
}

var tags = regexp.MustCompile(`<[^>]*>`)

func (b *browser) do(method, path, contentType string, body io.Reader) answer {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.site.origin+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for key, values := range b.header {
		request.Header[key] = values
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response, string(raw), html.UnescapeString(string(raw))}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do("GET", path, "", nil) }

// post sends a form: name, value, name, value.
func (b *browser) post(path string, fields ...string) answer {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.do("POST", path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

func (b *browser) challenge() string {
	b.t.Helper()
	var body struct{ Nonce string }
	a := b.get("/auth/challenge")
	if err := json.Unmarshal([]byte(a.raw), &body); err != nil || a.StatusCode != http.StatusOK {
		b.t.Fatalf("challenge: %d %s", a.StatusCode, a.raw)
	}
	return body.Nonce
}

func (b *browser) send(token []byte) answer {
	b.t.Helper()
	return b.do("POST", "/auth/login", "application/json", strings.NewReader(`{"auth-token":`+string(token)+`}`))
}

// login presents the card and returns where the site sends the page, or the
// reason of the refusal.
func (b *browser) login(c testCard) (next, reason string) {
	b.t.Helper()
	return outcome(b.t, b.send(c.token(b.t, b.site.origin, b.challenge())))
}

func outcome(t *testing.T, a answer) (next, reason string) {
	t.Helper()
	var body struct {
		Next, Reason, Detail string
		Status               int
	}
	if err := json.Unmarshal([]byte(a.raw), &body); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.raw, err)
	}
	if a.StatusCode != http.StatusOK && (a.Header.Get("Content-Type") != "application/problem+json" || body.Status != a.StatusCode || body.Reason == "" || body.Detail == "") {
		t.Errorf("not a problem document of RFC 9457: %d %v %s", a.StatusCode, a.Header, a.raw)
	}
	return body.Next, body.Reason
}

// attach takes a card through the first connection of the account.
func (b *browser) attach(c testCard, name string) {
	b.t.Helper()
	if next, reason := b.login(c); next != pathFirst {
		b.t.Fatalf("login by an unknown card: %q %q", next, reason)
	}
	b.redirected(b.password(name, testPassword), pathFirst+"/confirmation")
	b.redirected(b.confirm(), pathAttached)
}

func (b *browser) password(name, password string) answer {
	b.t.Helper()
	return b.mine(pathFirst, "region", "bretagne", "service", "SERVICE TEST", "username", name, "password", password)
}

// mine is post from a page of this session's card, where there is one.
func (b *browser) mine(path string, fields ...string) answer {
	b.t.Helper()
	for _, page := range []string{pathFirst, pathSpace} {
		if card := cardIDInPage.FindStringSubmatch(b.get(page).raw); card != nil {
			return b.post(path, append(slices.Clone(fields), "card", card[1])...)
		}
	}
	return b.post(path, fields...)
}

func (b *browser) redirected(a answer, to string) {
	b.t.Helper()
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != to {
		b.t.Fatalf("%s %s: %d to %q, want a redirect to %s\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header.Get("Location"), to, excerpt(a))
	}
}

// shows requires a page of that status with each of the texts.
func (b *browser) shows(a answer, status int, texts ...string) {
	b.t.Helper()
	if a.StatusCode != status {
		b.t.Errorf("%s: %d, want %d", a.Request.URL.Path, a.StatusCode, status)
	}
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			b.t.Errorf("%s does not say %q:\n%s", a.Request.URL.Path, text, excerpt(a))
		}
	}
}

// excerpt is the beginning of a page's main part, for messages.
func excerpt(a answer) string {
	_, main, _ := strings.Cut(a.raw, "<main")
	text := strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString("<main"+main, " "))), " ")
	return text[:min(len(text), 600)]
}

// entered requires that the card logs in to the account's space.
func (b *browser) entered(c testCard, display string) {
	b.t.Helper()
	if next, reason := b.login(c); next != pathSpace {
		b.t.Fatalf("login: %q %q, want the space", next, reason)
	}
	b.shows(b.get(pathSpace), http.StatusOK, display, c.cert.Subject.CommonName)
}

// loggedOut requires that the session gives access to nothing.
func (b *browser) loggedOut() {
	b.t.Helper()
	if a := b.get(pathSpace); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" && a.Header.Get("Location") != pathEnded {
		b.t.Fatalf("the space: %d to %q\n%s", a.StatusCode, a.Header.Get("Location"), excerpt(a))
	}
}

func (b *browser) cookie() *http.Cookie {
	b.t.Helper()
	u, err := url.Parse(b.site.origin)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == b.site.cookieName() {
			return c
		}
	}
	return &http.Cookie{}
}

// challenges are the cookies of the browser's open challenges.
func (b *browser) challenges() (list []*http.Cookie) {
	b.t.Helper()
	u, err := url.Parse(b.site.origin)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "cpx-challenge-") {
			list = append(list, c)
		}
	}
	return list
}

// confirm confirms the attachment that the page shows.
func (b *browser) confirm() answer {
	b.t.Helper()
	return b.post(pathFirst+"/confirmation", shown(b.get(pathFirst+"/confirmation"))...)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="account" value="(\d+)">`)

// shown are the fields of the form that confirms what the page shows.
func shown(page answer) []string {
	if m := hidden.FindStringSubmatch(page.raw); m != nil {
		return []string{"account", m[1], "card", cardIDInPage.FindStringSubmatch(page.raw)[1]}
	}
	return nil
}

const (
	pathFirst = pages.PathFirst
	pathSpace = pages.PathSpace
	// What the pages' own paths are.
	pathSelfTest  = "/poste"
	pathLogout    = "/deconnexion"
	pathLoggedOut = "/?session=fermee"
	pathEnded     = "/?session=finie"
	pathDetached  = "/?carte=detachee"
	pathAttached  = pathSpace + "?carte=rattachee"
	spaceDetached = pathSpace + "?carte=detachee"

	french  = language.French
	english = language.English
)

// pki is shared by all tests: making its keys takes longer than they do.
var pki = portallab.PKI

func (s *site) cookieName() string { return s.sessions.CookieName() }

// hashOf is what the database has of a session's identifier.
func hashOf(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}
