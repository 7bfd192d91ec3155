package hosting

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

const (
	root = "../../.."
	name = "portail.example.fr" // as the files of packaging/portal have it
)

// shipped is the text of a file of packaging/portal, with each of the pairs replaced.
func shipped(t *testing.T, file string, pairs ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "packaging", "portal", file))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("packaging/portal/%s has no %q", file, pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// hosted is a portal as an operator has it: the service, nginx, and the cards it takes.
type hosted struct {
	dir, portal string // a folder, and the program
	// Ports: of the portal, of its metrics, of nginx.
	listen, metrics, public int
	log                     <-chan string // lines of the service's output
	pki                     *demopki.PKI
	certificate             *x509.Certificate // the site's
	good, revoked           card
}

// card is one that a person has.
type card struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func (h *hosted) origin() string { return fmt.Sprintf("https://%s:%d", name, h.public) }

func newHosted(t *testing.T) *hosted {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpx-hosting")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &hosted{dir: dir, portal: filepath.Join(dir, "cpx-portal"), listen: freePort(t), metrics: freePort(t), public: freePort(t)}
	// nginx's workers and the service are other users.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", h.portal, "./cmd/cpx-portal")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.makeCards(t)
	write(t, filepath.Join(dir, "etc", "root.pem"), encode("CERTIFICATE", h.pki.Root.Cert.Raw))
	write(t, filepath.Join(dir, "etc", "intermediate.pem"), encode("CERTIFICATE", h.pki.Intermediate.Cert.Raw))
	write(t, filepath.Join(dir, "etc", "portal.toml"), fmt.Sprintf(`
origin = %q
listen = "127.0.0.1:%d"
database = "/var/lib/cpx-portal/portal.db"
revocation = "crl"
allow_test_groups = true
proxies = ["127.0.0.1"]
metrics = "127.0.0.1:%d"
[audit]
file = "-"
[crl]
allow_private = ["127.0.0.0/8", "::1"]
[[trust_group]]
name = "test"
test = true
roots = ["root.pem"]
intermediates = ["intermediate.pem"]
required_policies = [%q]
`, h.origin(), h.listen, h.metrics, demopki.PolicyAuthentication))
	h.makeCertificate(t)
	return h
}

// makeCards makes the authorities, two cards, and the lists of which one has the second; they are
// served under a name, which the confined portal must look up.
func (h *hosted) makeCards(t *testing.T) {
	t.Helper()
	lists := http.NewServeMux()
	server := httptest.NewServer(lists)
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	var err error
	h.pki, err = demopki.NewServed(time.Now(), demopki.Services{CRL: []string{address + "/root.crl"}}, demopki.Services{CRL: []string{address + "/intermediate.crl"}})
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range []*card{&h.good, &h.revoked} {
		if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		leaf := demopki.Leaf{Holder: demopki.NewHolder("CPS", n+1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), PublicKey: c.key.Public()}
		if c.certificate, err = h.pki.Intermediate.Issue(leaf); err != nil {
			t.Fatal(err)
		}
	}
	for name, of := range map[string]*demopki.Authority{"root": h.pki.Root, "intermediate": h.pki.Intermediate} {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
		if name == "intermediate" {
			template.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: h.revoked.certificate.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)}}
		}
		list, err := x509.CreateRevocationList(rand.Reader, template, of.Cert, of.Key)
		if err != nil {
			t.Fatal(err)
		}
		lists.HandleFunc("/"+name+".crl", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(list) })
	}
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (h *hosted) makeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST " + name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if h.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.dir, "site.pem"), encode("CERTIFICATE", der))
	write(t, filepath.Join(h.dir, "site.key"), encode("PRIVATE KEY", private))
}

// boot starts systemd with the service, and waits until the portal says that it serves.
func (h *hosted) boot(t *testing.T) {
	t.Helper()
	for _, file := range []string{"cpx-portal.service", "cpx-portal.sysusers"} {
		write(t, filepath.Join(h.dir, file), shipped(t, file))
	}
	if err := os.Mkdir(filepath.Join(h.dir, "space"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.log = h.openLog(t)
	script, err := filepath.Abs(filepath.Join("testdata", "boot.sh"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	systemd := exec.CommandContext(ctx, script, h.dir)
	systemd.Env = append(os.Environ(), "POSTGRES="+postgres.Bin())
	var says bytes.Buffer
	systemd.Stdout, systemd.Stderr = &says, &says
	systemd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := systemd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = systemd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		removeCgroup(t, filepath.Base(h.dir))
	})
	var lines []string
	for {
		select {
		case line := <-h.log:
			if lines = append(lines, line); strings.Contains(line, "msg=serving") {
				return
			}
		case <-ended:
			t.Fatalf("systemd ended\n%s\n%s", says.String(), strings.Join(lines, "\n"))
		case <-time.After(time.Minute):
			t.Fatalf("the portal does not serve\n%s", strings.Join(lines, "\n"))
		}
	}
}

// openLog returns the service's output, by lines.
func (h *hosted) openLog(t *testing.T) <-chan string {
	t.Helper()
	path := filepath.Join(h.dir, "portal.log")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for writing too: there is always somebody at its other end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() })
	lines := make(chan string, 1000)
	go func() {
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			default: // nobody reads it any more
			}
		}
	}()
	return lines
}

// removeCgroup removes the cgroup of boot.sh once its processes are gone.
func removeCgroup(t *testing.T, name string) {
	t.Helper()
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		folder := filepath.Join(top, name)
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		awaitEmpty(t, filepath.Join(folder, "cgroup.events"))
		var folders []string
		err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				folders = append(folders, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, each := range slices.Backward(folders) {
			if err := os.Remove(each); err != nil {
				t.Error(err)
			}
		}
	}
}

// awaitEmpty waits for the event that no process is left in a cgroup.
func awaitEmpty(t *testing.T, events string) {
	t.Helper()
	f, err := os.Open(events)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		state := make([]byte, 200)
		n, err := f.ReadAt(state, 0)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if strings.Contains(string(state[:n]), "populated 0") {
			return
		}
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}, 10_000)
		if err != nil && err != unix.EINTR || err == nil && n == 0 {
			t.Fatalf("processes are left: %v", err)
		}
	}
}

// proxy starts nginx with the shipped file, on the ports of the test.
func (h *hosted) proxy(t *testing.T) {
	t.Helper()
	nginx := need.Program(t, "nginx")
	http := strconv.Itoa(freePort(t))
	site := shipped(t, "nginx.conf",
		"127.0.0.1:8443", fmt.Sprintf("127.0.0.1:%d", h.listen),
		"listen [::]:", "#", // the addresses of the test's machine alone
		"listen 443", fmt.Sprintf("listen 127.0.0.1:%d", h.public), "listen 80", "listen 127.0.0.1:"+http,
		"/etc/nginx/cpx-portal.pem", filepath.Join(h.dir, "site.pem"), "/etc/nginx/cpx-portal.key", filepath.Join(h.dir, "site.key"))
	config := filepath.Join(h.dir, "nginx.conf")
	ready, report, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, fmt.Sprintf("daemon off;\npid %[1]s/nginx.pid;\nerror_log stderr notice;\nevents {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/body;\nproxy_temp_path %[1]s/proxy;\nfastcgi_temp_path %[1]s/fastcgi;\nuwsgi_temp_path %[1]s/uwsgi;\nscgi_temp_path %[1]s/scgi;\n%[2]s\n}\n", h.dir, site))
	if out, err := exec.CommandContext(t.Context(), nginx, "-t", "-c", config).CombinedOutput(); err != nil || bytes.Contains(out, []byte("[warn]")) {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	run := exec.Command(nginx, "-c", config)
	run.Stderr = report
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	_ = report.Close()
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		_ = run.Wait()
	})
	lines := bufio.NewScanner(ready)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "start worker process ") {
			go func() { _, _ = io.Copy(io.Discard, ready); _ = ready.Close() }()
			return
		}
	}
	t.Fatal("nginx ended")
}

// browser reaches the site by its name, through nginx.
func (h *hosted) browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.certificate)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", h.public))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

func answer(t *testing.T, response *http.Response, err error) (*http.Response, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// login logs a TEST card in through nginx, and returns the answer.
func (h *hosted) login(t *testing.T, browser *http.Client, c card, origin string) (*http.Response, string) {
	t.Helper()
	response, err := browser.Get(h.origin() + "/auth/challenge")
	_, body := answer(t, response, err)
	var got struct{ Nonce string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	message, err := authtoken.Message("ES256", origin, got.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	r, s, err := ecdsa.Sign(rand.Reader, c.key, digest(message))
	if err != nil {
		t.Fatal(err)
	}
	token, err := authtoken.New(c.certificate, "ES256", append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), "https://example.fr/TEST")
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := json.Marshal(map[string]any{"auth-token": token})
	if err != nil {
		t.Fatal(err)
	}
	response, err = browser.Post(h.origin()+"/auth/login", "application/json", bytes.NewReader(envelope))
	return answer(t, response, err)
}

func digest(message []byte) []byte {
	hash := crypto.SHA256.New()
	hash.Write(message)
	return hash.Sum(nil)
}
