package main

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestCAService: the cards of a folder name its CA service, openssl takes their status from
// it, and a word revokes one while it runs.
func TestCAService(t *testing.T) {
	openssl := need.Program(t, "openssl")
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cpxCard(t, 0, "demo", "--dir", dir, "--card", "cps", "--card", "cps-ec", "--ca-service", address)

	ctx, cancel := context.WithCancel(t.Context())
	out := &output{wrote: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"ca-service", "--dir", dir}, out, out) }()
	defer func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("exit %d: %s", code, out.text.String())
		}
	}()
	select {
	case <-out.wrote:
	case code := <-ended:
		ended <- code
		t.Fatalf("exit %d: %s", code, out.text.String())
	}
	ca := func(name string) string { return filepath.Join(dir, "ca", name) }
	verify := func() string {
		text, _ := exec.CommandContext(t.Context(), openssl, "verify", "-crl_check", "-crl_download",
			"-CAfile", ca("root.pem"), "-untrusted", ca("intermediate.pem"), ca("issued.pem")).CombinedOutput()
		return string(text)
	}
	if said := verify(); !strings.Contains(said, "issued.pem: OK") {
		t.Fatal(said)
	}
	// Both certificates of the card, and none of the other's.
	if state, _ := cpxCard(t, 0, "ca-tell", "--dir", dir, "revoke", "cps"); !strings.Contains(state, "2 certificates revoked") {
		t.Error(state)
	}
	if said := verify(); !strings.Contains(said, "certificate revoked") {
		t.Error(said)
	}
	for _, c := range []struct {
		want  int
		fault string
		args  []string
	}{
		{1, "no such demonstration card", []string{"ca-tell", "--dir", dir, "revoke", "nobody"}},
		{1, "no such command", []string{"ca-tell", "--dir", dir, "sing"}},
		{1, "runs in " + dir + " already", []string{"ca-service", "--dir", dir}},
		{2, "they name " + address, []string{"demo", "--dir", dir, "--ca-service", "http://127.0.0.1:1"}},
		{2, "takes no --ca-service", []string{"renew", "--dir", dir, "--card", "cps", "--ca-service", address}},
		{2, "is not an address of it", []string{"demo", "--dir", t.TempDir(), "--ca-service", "http://192.0.2.1:80"}},
		{2, "is not an address such as", []string{"demo", "--dir", t.TempDir(), "--ca-service", "127.0.0.1:80"}},
		{1, "no CA service runs there", []string{"ca-tell", "--dir", t.TempDir(), "state"}},
		{1, "no cards are in ", []string{"ca-service", "--dir", t.TempDir()}},
		{1, "no cards are in ", []string{"ca-service", "--dir", filepath.Join(t.TempDir(), "nowhere")}},
	} {
		if _, errs := cpxCard(t, c.want, c.args...); !strings.Contains(errs, c.fault) {
			t.Errorf("%v: %q, want %q", c.args, errs, c.fault)
		}
	}
	// A folder whose cards exist already cannot have its certificates name one.
	plain := t.TempDir()
	cpxCard(t, 0, "demo", "--dir", plain)
	if _, errs := cpxCard(t, 2, "demo", "--dir", plain, "--ca-service", address); !strings.Contains(errs, "they name none") {
		t.Error(errs)
	}
}
