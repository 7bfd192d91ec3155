package cardlogin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// nginxConf is what portals are told to write, for nginx in a folder of the test's: its
// addresses and files alone are others. edit changes it further.
func nginxConf(t *testing.T, dir, listen, portal string, edit func(string) string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "behind-nginx", "portal.conf"))
	if err != nil {
		t.Fatal(err)
	}
	server := string(text)
	for _, change := range [][2]string{
		{"listen 443 ssl;", "listen " + listen + " ssl;"}, {"/etc/nginx/portail", filepath.Join(dir, "portail")}, {"http://127.0.0.1:8080", portal},
	} {
		if !strings.Contains(server, change[0]) {
			t.Fatalf("the configuration lacks %q", change[0])
		}
		server = strings.ReplaceAll(server, change[0], change[1])
	}
	if edit != nil {
		server = edit(server)
	}
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	return "daemon off;\nmaster_process off;\npid " + filepath.Join(dir, "pid") + ";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + temporary + server + "}\n"
}

// behindNginx serves a portal through nginx and returns a browser that reaches it there.
func behindNginx(t *testing.T, portal http.Handler, edit func(string) string) *cardlogintest.Browser {
	t.Helper()
	program := need.Program(t, "/usr/sbin/nginx")
	dir := t.TempDir()
	inside := httptest.NewServer(portal)
	t.Cleanup(inside.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := listener.Addr().String()
	pool := newCertificate(t, dir)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(nginxConf(t, dir, listen, inside.URL, edit)), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	ctx, end := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, "-c", conf, "-p", dir)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { end(); <-ended })
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			for {
				c, err := new(net.Dialer).DialContext(ctx, "tcp", listen)
				if err == nil {
					return c, nil
				}
				select {
				case <-ended:
					t.Errorf("nginx has ended: %s", said.String())
					return nil, err
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(20 * time.Millisecond): // until it listens
				}
			}
		},
	}}
	t.Cleanup(client.CloseIdleConnections)
	return &cardlogintest.Browser{Client: client, Origin: origin}
}

// newCertificate makes nginx a certificate and a key, and returns what trusts it.
func newCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	cert, key := filepath.Join(dir, "portail.pem"), filepath.Join(dir, "portail.key")
	out, err := exec.CommandContext(t.Context(), need.Program(t, "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=TEST",
		"-addext", "subjectAltName=DNS:portail.example.fr", "-keyout", key, "-out", cert).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// TestBehindNginx: as the documents configure it, a login works through nginx, with the
// cookies of https, although the portal itself is on plain http there.
func TestBehindNginx(t *testing.T) {
	s := newSite(t, nil)
	b := behindNginx(t, s, nil)
	loggedIn(t, b, newCard(t, "CPS", 1))
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	if all := b.Client.Jar.Cookies(u); len(all) != 1 || all[0].Name != "__Host-cpx-session" {
		t.Errorf("%v", all)
	}
	// What a client says of itself in forwarded headers changes nothing.
	b.Header = http.Header{"X-Forwarded-Host": {"other.example.fr"}, "X-Forwarded-Proto": {"http"}, "Forwarded": {"host=other.example.fr;proto=http"}}
	loggedIn(t, b, newCard(t, "CPS", 2))
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0002 CPS ")
	if _, _, err := b.Post("/auth/logout", nil); err != nil {
		t.Fatal(err)
	}
	page(t, b, "/espace", "page connexion")
	for range 8 { // eight tabs
		if _, err := b.Challenge(); err != nil {
			t.Fatal(err)
		}
	}
	loggedIn(t, b, newCard(t, "CPS", 1))
}

// TestProxyHidesTheHost: a proxy that sends a name of its own has every request refused, with
// a reason that says so; nothing believes another header instead.
func TestProxyHidesTheHost(t *testing.T) {
	s := newSite(t, nil)
	b := behindNginx(t, s, func(conf string) string {
		return strings.Replace(conf, "proxy_set_header Host $http_host;", "proxy_set_header X-Forwarded-Host $http_host; proxy_set_header Host intern;", 1)
	})
	if _, err := b.Login(newCard(t, "CPS", 1)); reason(t, err) != "unknown_host" {
		t.Error(err)
	}
	if !strings.Contains(s.logged(), `Host is \"intern\"`) {
		t.Error(s.logged())
	}
}
