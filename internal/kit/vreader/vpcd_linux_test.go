package vreader_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// namespaceVariable marks the process that runs in namespaces of its own.
const namespaceVariable = "CPX_TEST_NAMESPACE"

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func openSC(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(found) == 0 {
		t.Fatal("OpenSC's module is not installed")
	}
	return found[0]
}

// TestRealDaemon uses the virtual cards with the real pcscd and vpcd, in network
// and mount namespaces of its own, because the driver listens on every address.
func TestRealDaemon(t *testing.T) {
	if os.Getenv(namespaceVariable) != "" {
		inNamespace(t)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("pcscd needs root for /run/pcscd")
	}
	for _, program := range []string{"/usr/sbin/pcscd", "/usr/bin/unshare"} {
		need.File(t, program)
	}
	own := []string{"--net", "--mount", "--pid", "--fork", "--kill-child"}
	if out, err := exec.Command("unshare", append(own, "true")...).CombinedOutput(); err != nil {
		t.Skipf("namespaces of its own are refused here: %v %s", err, out)
	}
	cmd := exec.Command("unshare", append(own, os.Args[0], "-test.run=^TestRealDaemon$", "-test.v")...)
	cmd.Env = append(os.Environ(), namespaceVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRealDaemon") {
		t.Errorf("%v\n%s", err, out)
	}
}

func inNamespace(t *testing.T) {
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	run("mount", "-t", "tmpfs", "tmpfs", "/run")
	run("mount", "-t", "proc", "proc", "/proc")
	run("ip", "link", "set", "lo", "up")
	daemon := exec.Command("pcscd", "--foreground")
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Process.Kill(); _ = daemon.Wait() }()
	await(t, "the daemon", func() bool { _, err := os.Stat("/run/pcscd/pcscd.comm"); return err == nil })
	await(t, "the driver", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:35963")
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pkcs11.Open(t.Context(), pkcs11.Options{Modules: []string{openSC(t)}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cards := make(chan pcsc.Reader, 100)
	go pcsc.Watch(t.Context(), func(e pcsc.Event) {
		seen := pcsc.Reader{}
		for _, r := range e.Readers {
			if r.Present || seen.Name == "" {
				seen = r
			}
		}
		cards <- seen
	})
	for _, kind := range []string{virtual.CPS3, virtual.PIV, virtual.PIVP256} {
		card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: kind})
		if err != nil {
			t.Fatal(err)
		}
		onDaemon(t, p, cards, kind, card)
	}
}

// onDaemon inserts the card, logs in with it, and removes it. It lists the cards
// only after an event: OpenSC waits for seconds for a card that has gone and that
// the daemon still reports.
func onDaemon(t *testing.T, p *pkcs11.Pool, cards <-chan pcsc.Reader, kind string, card vcard.Card) {
	t.Helper()
	ctx, remove := context.WithCancel(t.Context())
	removed := make(chan error, 1)
	go func() { removed <- vreader.ServeVPCD(ctx, "127.0.0.1:35963", card) }()
	inserted := event(t, cards, true)
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	usable := slices.IndexFunc(s.Certificates, func(c pkcs11.Certificate) bool { return c.Reason == pkcs11.Usable })
	if usable < 0 {
		t.Fatalf("%s: %+v", kind, s)
	}
	_, err = p.Sign(t.Context(), pkcs11.Request{
		CertificateID: s.Certificates[usable].ID, Message: func(pkcs11.Algorithm) ([]byte, error) { return []byte("TEST"), nil },
		PIN: func(context.Context, pkcs11.PINRequest) ([]byte, error) { return []byte(virtual.PIN), nil },
	})
	if err != nil { // Sign has compared the signature with the certificate
		t.Errorf("%s: %v", kind, err)
	}
	if card.PIN().Tries() != 1 || card.PIN().Verified() {
		t.Errorf("%s: %d tries, open %v", kind, card.PIN().Tries(), card.PIN().Verified())
	}
	remove()
	if err := <-removed; err != nil {
		t.Error(err)
	}
	// Only one count more: the reset after the signature was no removal.
	if gone := event(t, cards, false); gone.Count != inserted.Count+1 {
		t.Errorf("%s: gone %+v, inserted %+v", kind, gone, inserted)
	}
	if s, err := p.List(t.Context()); err != nil || len(s.Certificates) != 0 {
		t.Errorf("%s is gone: %d certificates, %v", kind, len(s.Certificates), err)
	}
}

// event waits for the event that a card is present, or absent.
func event(t *testing.T, cards <-chan pcsc.Reader, want bool) pcsc.Reader {
	t.Helper()
	for {
		select {
		case card := <-cards:
			if card.Present == want {
				return card
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no event of a card: %v", want)
		}
	}
}

// await polls for what sends no event.
func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s never happened", what)
		}
	}
}
