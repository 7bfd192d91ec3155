package portal

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fetched is the answer to a GET, by whatever name.
func fetched(t *testing.T, address, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// signals is a log that says when a line with one of the words was written.
type signals map[string]chan struct{}

func (s signals) Write(line []byte) (int, error) {
	for word, seen := range s {
		if strings.Contains(string(line), word) {
			close(seen)
		}
	}
	return len(line), nil
}

// An instance says whether it lives and is ready, on the site and on an address of its own,
// where its metrics are too; those name nobody. It is not ready without its database, and is
// once that is back. When it is to end it says so first, and goes on serving meanwhile.
func TestServe(t *testing.T) {
	dir, listen, apart := t.TempDir(), freeAddress(t), freeAddress(t)
	postgres.Need(t)
	server, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	database, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := portallab.Replacing(`listen = "127.0.0.1:0"`, fmt.Sprintf("listen = %q\nmetrics = %q\ndrain = \"1h\"", listen, apart))(portallab.SettingsText(t, dir, "https://portail.test"))
	text = portallab.Replacing(`database = "portal.db"`, `database_file = "address"`)(text)
	portallab.WriteFile(t, dir, "address", database+"\n")
	read, err := settings.Load(portallab.WriteFile(t, dir, "portal.toml", text))
	if err != nil {
		t.Fatal(err)
	}
	serving, draining := make(chan struct{}), make(chan struct{})
	log := signals{`msg=serving origin`: serving, "msg=ending": draining}
	p, err := New(t.Context(), read, Options{Logger: textLog(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx) }()
	<-serving
	says := func(path string, status int, want string) {
		t.Helper()
		for _, address := range []string{listen, apart} {
			if got, said := fetched(t, address, path); got != status || said != want+"\n" {
				t.Errorf("%s%s: %d %q", address, path, got, said)
			}
		}
	}
	says("/healthz", http.StatusOK, "alive")
	says("/readyz", http.StatusOK, "ready")
	if status, _ := fetched(t, listen, "/metrics"); status != http.StatusMisdirectedRequest {
		t.Errorf("metrics on the site: %d", status)
	}
	_, metrics := fetched(t, apart, "/metrics")
	for _, want := range []string{`cpx_portal_requests_total{kind="health",status="200"}`, "cpx_portal_ready 1", "cpx_portal_hashing_running 0", "cpx_portal_database_connections", "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	if err := server.Control(t.Context(), "stop", "-m", "immediate"); err != nil {
		t.Fatal(err)
	}
	says("/healthz", http.StatusOK, "alive")
	says("/readyz", http.StatusServiceUnavailable, "not ready")
	if err := server.Control(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	says("/readyz", http.StatusOK, "ready")
	end()
	<-draining
	says("/readyz", http.StatusServiceUnavailable, "not ready")
	says("/healthz", http.StatusOK, "alive")
	select {
	case err := <-served:
		t.Errorf("it ended while draining: %v", err)
	default:
	}
}
