package portal

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// rsaCard is a card as most are: it signs with an RSA key.
type rsaCard struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func newRSACard(h demopki.Holder) (rsaCard, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return rsaCard{}, err
	}
	cert, err := pki().Intermediate.Issue(demopki.Leaf{Holder: h, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(3, 0, 0), PublicKey: key.Public()})
	return rsaCard{key, cert}, err
}

func (c rsaCard) token(origin, nonce string) ([]byte, error) {
	message, err := authtoken.Message("RS256", origin, nonce)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	token, err := authtoken.New(c.cert, "RS256", signature, "test")
	if err != nil {
		return nil, err
	}
	return json.Marshal(token)
}

// loaded is a site under load: the portal, or what is measured beside it.
type loaded struct {
	name    string // in the figures
	address string // where it listens
	origin  string
	cards   []rsaCard
	asked   func() uint64 // statements of its database so far

	rates, tails []float64 // of the rounds: logins a second, and the slowest of a hundred in ms
	spent        []float64 // processor time of a login in µs, the client's too
	statements   []float64 // of a login
}

// serveLoaded serves a handler as the portal is served, on loopback.
func serveLoaded(b *testing.B, handler func(origin string) http.Handler) *loaded {
	b.Helper()
	cards, err := loadedCards()
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l := &loaded{cards: cards, address: listener.Addr().String(), origin: "http://" + listener.Addr().String()}
	server := &http.Server{Handler: handler(l.origin), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	b.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return l
}

// floor is the least that a login needs: a challenge that is remembered, and a token that is
// verified, behind net/http. It has no accounts, no database, and no pages.
type floor struct {
	verifier *authtoken.Verifier
	mu       sync.Mutex
	open     map[string]bool
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		nonce := authtoken.NewNonce()
		f.mu.Lock()
		f.open[nonce] = true
		f.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "nonce", Value: nonce, HttpOnly: true})
		_ = json.NewEncoder(w).Encode(map[string]string{"nonce": nonce})
		return
	}
	if err := f.login(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"next": "/"})
}

func (f *floor) login(r *http.Request) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, authtoken.MaxEnvelopeSize))
	if err != nil {
		return err
	}
	token, err := authtoken.ParseEnvelope(text)
	if err != nil {
		return err
	}
	cookie, err := r.Cookie("nonce")
	if err != nil {
		return err
	}
	f.mu.Lock()
	known := f.open[cookie.Value]
	delete(f.open, cookie.Value)
	f.mu.Unlock()
	if !known {
		return errors.New("unknown nonce")
	}
	_, err = f.verifier.Verify(r.Context(), token, cookie.Value)
	return err
}

// client is a connection that stays open, as a proxy's does. It is written by hand because
// what the client costs is taken from the two cores too.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// do sends a request, and returns the body and the first cookie of its answer, which is 200.
func (c *client) do(request []byte) (body []byte, cookie string, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, "", err
	}
	length, status := -1, ""
	for n := 0; ; n++ {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return nil, "", err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if n == 0 {
			status = string(line)
		} else if text, is := bytes.CutPrefix(line, []byte("Content-Length: ")); is {
			if length, err = strconv.Atoi(string(text)); err != nil {
				return nil, "", err
			}
		} else if text, is := bytes.CutPrefix(line, []byte("Set-Cookie: ")); is && cookie == "" {
			pair, _, _ := bytes.Cut(text, []byte(";"))
			cookie = string(pair)
		}
	}
	if length < 0 {
		return nil, "", fmt.Errorf("%s without a length", status)
	}
	body = make([]byte, length)
	if _, err := io.ReadFull(c.r, body); err != nil {
		return nil, "", err
	}
	if status != "HTTP/1.1 200 OK" {
		return nil, "", fmt.Errorf("%s: %s", status, body)
	}
	return body, cookie, nil
}

func (l *loaded) request(method, path, cookie string, body []byte) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: application/json\r\nAccept-Language: fr\r\nSec-Fetch-Site: same-origin\r\n", method, path, strings.TrimPrefix(l.origin, "http://"))
	if cookie != "" {
		fmt.Fprintf(&out, "Cookie: %s\r\n", cookie)
	}
	if body != nil {
		fmt.Fprintf(&out, "Origin: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", l.origin, len(body))
	}
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// prepare has so many browsers ask for their challenges and cards sign them, and returns the
// requests that log them in: what a card takes to sign is no part of what a portal can do.
func (l *loaded) prepare(b *testing.B, n int) [][]byte {
	b.Helper()
	prepared := make([][]byte, n)
	l.each(b, n, func(c *client, i int) error {
		body, cookie, err := c.do(l.request("GET", "/auth/challenge", "", nil))
		if err != nil {
			return err
		}
		var answered struct{ Nonce string }
		if err := json.Unmarshal(body, &answered); err != nil {
			return err
		}
		token, err := l.cards[i%len(l.cards)].token(l.origin, answered.Nonce)
		if err != nil {
			return err
		}
		prepared[i] = l.request("POST", "/auth/login", cookie, []byte(`{"auth-token":`+string(token)+`}`))
		return nil
	})
	return prepared
}

// clients are how many connections a proxy has open to the site.
const clients = 32

// each calls do for the numbers below n, on all connections, and returns how long that took.
func (l *loaded) each(b *testing.B, n int, do func(c *client, i int) error) time.Duration {
	b.Helper()
	var wg sync.WaitGroup
	var next atomic.Int64
	lines := make([]*client, clients)
	for i := range lines {
		c, err := dial(l.address)
		if err != nil {
			b.Fatal(err)
		}
		defer c.conn.Close()
		lines[i] = c
	}
	begun := time.Now()
	for _, c := range lines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(c, i); err != nil {
					b.Errorf("%s, login %d: %v", l.name, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if b.Failed() {
		b.FailNow()
	}
	return took
}

// login is one browser's: it asks for a challenge, and sends its token.
func (l *loaded) login(c *client, challenge, login []byte) error {
	if _, _, err := c.do(challenge); err != nil {
		return err
	}
	body, _, err := c.do(login)
	if err == nil && !bytes.Contains(body, []byte(`"next":"/`)) {
		err = fmt.Errorf("answered %s", body)
	}
	return err
}

// full measures how many logins a second the site has when its clients wait for nothing else.
func (l *loaded) full(b *testing.B, logins int) {
	b.Helper()
	prepared, challenge := l.prepare(b, logins), l.request("GET", "/auth/challenge", "", nil)
	before, begun := l.asked(), cpuTime(b)
	took := l.each(b, logins, func(c *client, i int) error { return l.login(c, challenge, prepared[i]) })
	l.rates = append(l.rates, float64(logins)/took.Seconds())
	l.spent = append(l.spent, float64((cpuTime(b)-begun).Microseconds())/float64(logins))
	l.statements = append(l.statements, float64(l.asked()-before)/float64(logins))
}

// at measures how long all but a hundredth of the logins take, of those that come at a rate,
// whether or not the ones before have been answered.
func (l *loaded) at(b *testing.B, logins int, rate float64) {
	b.Helper()
	prepared, challenge := l.prepare(b, logins), l.request("GET", "/auth/challenge", "", nil)
	arrived := make(chan time.Time, logins)
	took := make([]float64, logins)
	ctx, end := context.WithCancel(b.Context())
	defer end()
	go func() {
		begun := time.Now()
		for i := range logins {
			due := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if !pause(ctx, time.Until(due)) {
				return
			}
			arrived <- time.Now()
		}
	}()
	l.each(b, logins, func(c *client, i int) error {
		at := <-arrived
		err := l.login(c, challenge, prepared[i])
		took[i] = float64(time.Since(at).Microseconds()) / 1000
		return err
	})
	slices.Sort(took)
	l.tails = append(l.tails, took[logins*99/100])
}

// cpuTime is the processor time of this process so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
		b.Fatal(err)
	}
	return time.Duration(now.Nano())
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
