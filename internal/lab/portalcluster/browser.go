package portalcluster

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// browser has cookies, and sends requests to one address.
type browser struct {
	address, host string
	jar           map[string]string
}

// client has no limit of connections to one host, and follows nothing.
var client = &http.Client{
	Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 300},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func newBrowser(address, host string) *browser {
	return &browser{address: address, host: host, jar: map[string]string{}}
}

func (b *browser) cookies() (pairs []string) {
	for name, value := range b.jar {
		pairs = append(pairs, name+"="+value)
	}
	return pairs
}

func (b *browser) put(pairs []string) {
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		b.jar[name] = value
	}
}

func (b *browser) do(ctx context.Context, method, path, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Host = b.host
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Cookie", strings.Join(b.cookies(), "; "))
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return answer.StatusCode, string(text), err
}

// refusal is an answer that is not 200.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.reason) }

// refused reports whether the portal looked at a token and refused it.
func refused(err error) bool {
	r, is := errors.AsType[*refusal](err)
	return is && r.status == http.StatusForbidden
}

func reasonOf(err error) string {
	r, is := errors.AsType[*refusal](err)
	if !is {
		return ""
	}
	return r.reason
}

// asked sends a request to the script's endpoints, and reads its answer.
func (b *browser) asked(ctx context.Context, method, path, body string, into any) error {
	status, text, err := b.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		var problem struct{ Reason string }
		_ = json.Unmarshal([]byte(text), &problem) // a balancer's answer is none
		return &refusal{status, problem.Reason}
	}
	return json.Unmarshal([]byte(text), into)
}

// token asks for a challenge, and has the person's card sign it.
func (b *browser) token(ctx context.Context, p *person) (string, error) {
	var challenge struct{ Nonce string }
	if err := b.asked(ctx, http.MethodGet, "/auth/challenge", "", &challenge); err != nil {
		return "", err
	}
	message, err := authtoken.Message("ES256", "http://"+b.host, challenge.Nonce)
	if err != nil {
		return "", err
	}
	hash := crypto.SHA256.New()
	hash.Write(message)
	r, s, err := ecdsa.Sign(rand.Reader, p.key, hash.Sum(nil))
	if err != nil {
		return "", err
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	made, err := authtoken.New(p.cert, "ES256", raw, "test")
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(made)
	return string(text), err
}

func (b *browser) login(ctx context.Context, token string) error {
	var next struct{ Next string }
	if err := b.asked(ctx, http.MethodPost, "/auth/login", `{"auth-token":`+token+`}`, &next); err != nil {
		return err
	}
	if next.Next != "/espace" {
		return fmt.Errorf("the login leads to %q", next.Next)
	}
	return nil
}

var shownName = regexp.MustCompile(`TEST Personne \d+`)

// space is whose space the session opens.
func (b *browser) space(ctx context.Context) (string, error) {
	status, text, err := b.do(ctx, http.MethodGet, "/espace", "")
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", &refusal{status: status}
	}
	return shownName.FindString(html.UnescapeString(text)), nil
}

// login logs a person in at this instance, past the one port.
func (i *instance) login(ctx context.Context, host string, p *person) error {
	b := newBrowser("http://"+i.listen, host)
	token, err := b.token(ctx, p)
	if err != nil {
		return err
	}
	return b.login(ctx, token)
}
