package hosting

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestHosted: the portal serves and logs people in as the files of the release confine it,
// which has each of them work, and behind nginx, which adds what the portal does not do.
func TestHosted(t *testing.T) {
	need.File(t, "/usr/lib/systemd/systemd")
	need.Program(t, "nginx")
	if os.Geteuid() != 0 {
		t.Skip("systemd as process 1 of namespaces needs root: run as root to test the service")
	}
	h := newHosted(t)
	h.boot(t)
	h.proxy(t)
	browser := h.browser(t)

	h.crowd(t, browser)
	response, body := h.login(t, browser, h.good, h.origin())
	if response.StatusCode != http.StatusOK || !strings.Contains(body, "next") {
		t.Errorf("%s: %s", response.Status, body)
	}
	if response, body := h.login(t, h.browser(t), h.good, "https://autre.example.fr"); response.StatusCode != http.StatusForbidden {
		t.Errorf("a token for another site: %s: %s", response.Status, body)
	}
	if response, body := h.login(t, h.browser(t), h.revoked, h.origin()); response.StatusCode != http.StatusForbidden || !strings.Contains(body, "revoked") {
		t.Errorf("a revoked card: %s: %s", response.Status, body)
	}
	got, err := browser.Get(h.origin() + "/")
	response, _ = answer(t, got, err)
	for header, want := range map[string]string{
		"Strict-Transport-Security": "max-age=31536000", "Server": "nginx", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'", "Permissions-Policy": "loopback-network=(self)", "Cache-Control": "no-store",
	} {
		if got := response.Header.Values(header); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q", header, got)
		}
	}
	if response.ProtoMajor != 2 || response.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%s, TLS %x", response.Proto, response.TLS.Version)
	}
	h.refuses(t)
	h.confined(t)
	h.observed(t)
}

// observed: the log says where a login came from, also where the browser claims another place,
// and metrics are on their own address alone.
func (h *hosted) observed(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.origin()+"/auth/login", strings.NewReader(`{"auth-token":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Forwarded-For", "192.0.2.99")
	request.Header.Set("Forwarded", "for=192.0.2.99")
	response, err := h.browser(t).Do(request)
	answer(t, response, err)
	for refused := 0; refused < 3; { // another site's token, a revoked card, this one
		select {
		case line := <-h.log:
			if !strings.HasPrefix(line, "{") {
				continue
			}
			if strings.Contains(line, `"event":"login_refused"`) {
				refused++
			}
			if !strings.Contains(line, `"address":"127.0.0.1"`) {
				t.Errorf("%s", line)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the audit log lacks a refused login")
		}
	}
	for path, want := range map[string]string{"/healthz": "alive", "/readyz": "ready", "/metrics": "cpx_portal_requests_total"} {
		got, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", h.metrics, path))
		if response, body := answer(t, got, err); response.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %s: %.200s", path, response.Status, body)
		}
	}
	got, err := h.browser(t).Get(h.origin() + "/metrics")
	if response, _ := answer(t, got, err); response.StatusCode != http.StatusNotFound {
		t.Errorf("the site has metrics: %s", response.Status)
	}
}

// crowd: a browser in which many tabs stand open, and to which other sites of the same domain
// gave cookies.
func (h *hosted) crowd(t *testing.T, browser *http.Client) {
	t.Helper()
	site, err := url.Parse(h.origin())
	if err != nil {
		t.Fatal(err)
	}
	browser.Jar.SetCookies(site, []*http.Cookie{{Name: "TEST1", Value: strings.Repeat("a", 6000)}, {Name: "TEST2", Value: strings.Repeat("b", 6000)}})
	for range challenge.Open {
		response, err := browser.Get(h.origin() + "/auth/challenge")
		if got, body := answer(t, response, err); got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", got.Status, body)
		}
	}
}

// refuses: other names, older TLS, too much at once.
func (h *hosted) refuses(t *testing.T) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", h.public)
	for what, config := range map[string]*tls.Config{
		"another name": {ServerName: "autre.example.fr", InsecureSkipVerify: true},
		"no name":      {InsecureSkipVerify: true},
		"TLS 1.1":      {ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		if connection, err := tls.Dial("tcp", address, config); err == nil {
			_ = connection.Close()
			t.Errorf("%s: let in", what)
		}
	}
	response, err := h.browser(t).Post(h.origin()+"/auth/login", "application/json", strings.NewReader(strings.Repeat(" ", 200<<10)))
	if got, _ := answer(t, response, err); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("200 KiB: %s", got.Status)
	}
}

// process is the number of the service's.
func (h *hosted) process(t *testing.T) string {
	t.Helper()
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		pids, err := os.ReadFile(filepath.Join(top, filepath.Base(h.dir), "system.slice", "cpx-portal.service", "cgroup.procs"))
		if err == nil {
			return strings.TrimSpace(string(pids))
		}
	}
	t.Fatal("the service has no cgroup")
	return ""
}

// confined: what the kernel says of the service's process is what the unit asks for.
func (h *hosted) confined(t *testing.T) {
	t.Helper()
	process := "/proc/" + h.process(t)
	status, err := os.ReadFile(process + "/status")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		fields[key] = strings.TrimSpace(value)
	}
	const none = "0000000000000000"
	for key, want := range map[string]string{"CapEff": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Umask": "0077"} {
		if fields[key] != want {
			t.Errorf("%s is %q, want %q", key, fields[key], want)
		}
	}
	if uid, _, _ := strings.Cut(fields["Uid"], "\t"); uid == "0" || uid == "" {
		t.Errorf("it runs as %q", fields["Uid"])
	}
	mounts, err := os.ReadFile(process + "/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[4] == "/" && !strings.HasPrefix(f[5], "ro") {
			t.Errorf("the root may be written to: %s", line)
		}
	}
}

// TestAsInTheContainer: the portal runs for a number that is no account, without environment and
// home, in a folder that it may not write to, as the container file has it.
func TestAsInTheContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test the container's user")
	}
	h := newHosted(t)
	volume := filepath.Join(h.dir, "volume")
	const user = 64242
	settings := filepath.Join(h.dir, "etc", "portal.toml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	write(t, settings, strings.NewReplacer("/var/lib/cpx-portal", volume, "127.0.0.1", "0.0.0.0").Replace(string(text)))
	if err := errors.Join(os.Mkdir(volume, 0o700), os.Chown(volume, user, user)); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), h.portal, "serve", "--config", settings)
	run.Dir, run.Env = "/", []string{}
	run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}, Pdeathsig: syscall.SIGKILL}
	output, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	var log []string
	serves := false
	for scanner := bufio.NewScanner(output); !serves && scanner.Scan(); {
		log = append(log, scanner.Text())
		serves = strings.Contains(scanner.Text(), "msg=serving")
	}
	if !serves {
		t.Fatalf("%v\n%s", run.Wait(), strings.Join(log, "\n"))
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	h.proxy(t)
	if response, body := h.login(t, h.browser(t), h.good, h.origin()); response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", response.Status, body)
	}
	if err := run.Process.Signal(syscall.SIGTERM); err != nil { // the image's STOPSIGNAL
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
