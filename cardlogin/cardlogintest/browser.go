package cardlogintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
)

// Browser has a person's cookies at a portal, and sends what a page of it would.
type Browser struct {
	// Client is what requests go through, with its cookies.
	Client *http.Client
	// Origin is the portal's, as its verifier has it.
	Origin string
	// Path is where challenge and login are; "": "/auth/".
	Path string
	// Header is sent with challenge and login, such as a token against cross-site requests.
	Header http.Header
	// ChallengeByPost asks for challenges by POST.
	ChallengeByPost bool
}

// NewBrowser returns a browser without cookies, whose requests portal answers without any
// network. For a portal behind a server of the test's, set its Client and Origin instead.
func NewBrowser(portal http.Handler, origin string) *Browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &Browser{Client: &http.Client{Transport: direct{portal}, Jar: jar}, Origin: origin}
}

// direct hands requests to a handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), nil)
	in.Header = r.Header
	if r.Body != nil {
		in.Body, in.ContentLength = r.Body, r.ContentLength
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, in)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Refused is a portal's answer to a challenge or a login that did not succeed.
type Refused struct {
	Status int
	Reason string // of the problem document; "" where the answer is none
	// Request is what was asked for, such as "GET https://portail.example.fr/auth/challenge".
	Request string
}

func (e *Refused) Error() string {
	if e.Reason == "" || e.Reason == "not_found" {
		return fmt.Sprintf("cardlogintest: %s ended with %d: %s", e.Request, e.Status, elsewhere)
	}
	return fmt.Sprintf("cardlogintest: refused with %d %s", e.Status, e.Reason)
}

// elsewhere is what to look at where something answered that is no cardlogin.
const elsewhere = "is the portal's cardlogin.Handler mounted at Browser.Path (where not set, /auth/)?"

// Login logs in with a card: it fetches a challenge, has it signed, and posts the token.
// It returns the member "next" of the answer. A refusal is a [*Refused].
func (b *Browser) Login(c *Card) (next string, err error) {
	nonce, err := b.Challenge()
	if err != nil {
		return "", err
	}
	token, err := c.Token(b.Origin, nonce)
	if err != nil {
		return "", err
	}
	return b.Send(token)
}

// Challenge fetches a challenge and returns its nonce.
func (b *Browser) Challenge() (nonce string, err error) {
	method := http.MethodGet
	if b.ChallengeByPost {
		method = http.MethodPost
	}
	var answer struct{ Nonce string }
	err = b.do(method, "challenge", nil, &answer)
	return answer.Nonce, err
}

// Send posts a token, and returns the member "next" of the answer.
func (b *Browser) Send(token json.RawMessage) (next string, err error) {
	body, err := json.Marshal(map[string]json.RawMessage{"auth-token": token})
	if err != nil {
		return "", err
	}
	var answer struct{ Next string }
	err = b.do(http.MethodPost, "login", body, &answer)
	return answer.Next, err
}

// do sends what a page's script would.
func (b *Browser) do(method, name string, body []byte, to any) error {
	path := b.Path
	if path == "" {
		path = "/auth/"
	}
	r, err := http.NewRequest(method, b.Origin+path+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range b.Header {
		r.Header[name] = values
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != http.MethodGet {
		r.Header.Set("Origin", b.Origin)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := b.Client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		refused := &Refused{Status: answer.StatusCode, Request: method + " " + r.URL.String()}
		var problem struct{ Reason string }
		if json.Unmarshal(text, &problem) == nil {
			refused.Reason = problem.Reason
		}
		return refused
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("cardlogintest: %s %s did not answer with JSON: %s: %w", method, r.URL, elsewhere, err)
	}
	return nil
}

// Get asks for a page of the portal, and follows redirects.
func (b *Browser) Get(path string) (status int, page string, err error) {
	answer, err := b.Client.Get(b.Origin + path)
	return read(answer, err)
}

// Post posts a form to the portal, and follows redirects.
func (b *Browser) Post(path string, form url.Values) (status int, page string, err error) {
	r, err := http.NewRequest(http.MethodPost, b.Origin+path, bytes.NewBufferString(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", b.Origin)
	answer, err := b.Client.Do(r)
	return read(answer, err)
}

func read(answer *http.Response, err error) (status int, page string, _ error) {
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}
