package attack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the portal's database

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// ownCard is a card of the portal's demonstration CA that the attack itself signs with.
type ownCard struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// card issues the card of the nth person.
func (w *World) card(n int) (ownCard, error) {
	now := time.Now()
	pki, err := democard.OpenPKI(w.Path("card/ca"), now)
	if err != nil {
		return ownCard{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ownCard{}, err
	}
	cert, err := pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", n), PublicKey: key.Public(), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
	})
	return ownCard{cert, key}, err
}

func (c ownCard) token(origin, nonce string) ([]byte, error) {
	message, err := authtoken.Message("ES256", origin, nonce)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, c.key, digest[:])
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	token, err := authtoken.New(c.cert, "ES256", raw, "attack")
	if err != nil {
		return nil, err
	}
	return json.Marshal(token)
}

// visitor is a browser at the portal, with cookies of its own.
type visitor struct {
	w      *World
	client *http.Client
}

func (w *World) visitor() *visitor {
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	return &visitor{w, &http.Client{
		Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// site is the portal as the jar knows it.
func (v *visitor) site() *url.URL {
	u, _ := url.Parse(v.w.Origin) // the stack's own
	return u
}

// reply is what the portal answered.
type reply struct {
	Status       int
	Location     string
	Text         string
	Nonce        string
	Next, Reason string
}

func (v *visitor) do(method, path, kind, body string) (reply, error) {
	request, err := http.NewRequestWithContext(v.w.Context, method, v.w.Origin+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Accept-Language", "fr")
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := v.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	a := reply{Status: response.StatusCode, Location: response.Header.Get("Location"), Text: string(text)}
	if strings.HasPrefix(path, "/auth/") && err == nil {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

func (v *visitor) get(path string) (reply, error) { return v.do("GET", path, "", "") }

func (v *visitor) post(path string, fields url.Values) (reply, error) {
	return v.do("POST", path, "application/x-www-form-urlencoded", fields.Encode())
}

func (v *visitor) send(token []byte) (reply, error) {
	return v.do("POST", "/auth/login", "application/json", `{"auth-token":`+string(token)+`}`)
}

func (v *visitor) login(c ownCard) (reply, error) {
	a, err := v.get("/auth/challenge")
	if err != nil {
		return a, err
	}
	token, err := c.token(v.w.Origin, a.Nonce)
	if err != nil {
		return a, err
	}
	return v.send(token)
}

func (v *visitor) password(name, password string) (reply, error) {
	page, err := v.get("/premiere-connexion")
	if err != nil {
		return page, err
	}
	return v.post("/premiere-connexion", url.Values{"username": {name}, "password": {password}, "card": {cardOf(page)}})
}

var cardField = regexp.MustCompile(`name="card" value="([^"]+)"`)

// cardOf is for which card a page was shown, "" for none.
func cardOf(page reply) string {
	if field := cardField.FindStringSubmatch(page.Text); field != nil {
		return field[1]
	}
	return ""
}

var accountField = regexp.MustCompile(`name="account" value="(\d+)"`)

// attach takes the card through the first connection of the account.
func (v *visitor) attach(c ownCard, name, password string) error {
	if _, err := v.login(c); err != nil {
		return err
	}
	if _, err := v.password(name, password); err != nil {
		return err
	}
	page, err := v.get("/premiere-connexion/confirmation")
	if err != nil {
		return err
	}
	field := accountField.FindStringSubmatch(page.Text)
	if field == nil {
		return fmt.Errorf("no confirmation: %d", page.Status)
	}
	a, err := v.post("/premiere-connexion/confirmation", url.Values{"account": {field[1]}, "card": {cardOf(page)}})
	if err == nil && !strings.HasPrefix(a.Location, "/espace") {
		err = fmt.Errorf("not attached: %d", a.Status)
	}
	return err
}

// PortalLog counts this text in what the portal has logged.
func (w *World) PortalLog(text string) int {
	log, _ := os.ReadFile(w.Path("cpx-portal.log"))
	return strings.Count(string(log), text)
}

// database opens the portal's, beside the portal.
func (w *World) database() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+w.Path("portal.db")+"?_pragma=busy_timeout(20000)")
}
