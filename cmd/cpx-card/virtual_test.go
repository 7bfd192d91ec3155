package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a command that is still running has printed so far.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	select {
	case o.wrote <- struct{}{}:
	default:
	}
	return n, err
}

// startVirtual returns what the command prints at its start.
func startVirtual(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &output{wrote: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append([]string{"virtual", "--dir", dir}, args...), out, out) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("exit %d", code)
		}
		if _, err := os.Stat(filepath.Join(dir, "pcscd")); err == nil {
			t.Error("the socket still exists")
		}
	})
	select {
	case <-out.wrote:
	case code := <-ended:
		ended <- code
		t.Fatalf("exit %d: %s", code, out.text.String())
	case <-time.After(30 * time.Second):
		t.Fatal("no card")
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	return out.text.String()
}

// opensc lists the slots that OpenSC's unmodified module sees.
func opensc(t *testing.T, dir string) string {
	t.Helper()
	return openscTool(t, dir, "--list-slots")
}

// openscTool runs OpenSC's own program on its module, with the folder's reader and,
// where there is one, its configuration.
func openscTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("pkcs11-tool", append([]string{"--module", "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"}, args...)...)
	cmd.Env = append(os.Environ(), "PCSCLITE_CSOCK_NAME="+filepath.Join(dir, "pcscd"))
	if conf := filepath.Join(dir, "opensc.conf"); exists(conf) {
		cmd.Env = append(cmd.Env, "OPENSC_CONF="+conf)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestVirtual(t *testing.T) {
	dir := t.TempDir()
	said := startVirtual(t, dir)
	send := func(want, line string) {
		t.Helper()
		out, _ := cpxCard(t, 0, append([]string{"tell", "--dir", dir}, strings.Fields(line)...)...)
		if strings.TrimSpace(out) != want {
			t.Errorf("%s: %q, want %q", line, out, want)
		}
	}
	send("card present, 3 tries left, 0 APDUs", "state")
	number := regexp.MustCompile(`card (\d{8}), PIN 1234`).FindStringSubmatch(said)
	if number == nil {
		t.Fatalf("no number of the card in %q", said)
	}
	seesCard := func(when string) {
		t.Helper()
		if got := opensc(t, dir); !strings.Contains(got, "CPS3v3-TEST") || !regexp.MustCompile(`serial num +: +\d*`+number[1]).MatchString(got) {
			t.Errorf("%s: OpenSC does not see card %s, but\n%s", when, number[1], got)
		}
	}
	seesCard("at the start")
	out, _ := cpxCard(t, 0, "tell", "--dir", dir, "state")
	if !regexp.MustCompile(`^card present, 3 tries left, [1-9]\d* APDUs\n$`).MatchString(out) {
		t.Errorf("OpenSC has read the card, but the state is %q", out)
	}
	send(strings.TrimSpace(out), "state") // which sends the card nothing
	send("no card", "remove")
	if got := opensc(t, dir); strings.Contains(got, "CPS3v3-TEST") {
		t.Errorf("the card is out, and OpenSC sees\n%s", got)
	}
	send("badge present", "insert badge")
	if got := opensc(t, dir); !strings.Contains(got, "not recognized") {
		t.Errorf("a badge is in the reader, and OpenSC sees\n%s", got)
	}
	send("reader unplugged", "unplug")
	send("badge present", "plug")
	send("card present, 3 tries left", "insert card")
	seesCard("in the badge's place")
	send("no card", "remove")
	send("card present, 3 tries left", "insert")
	seesCard("put back")
	send("card present, 0 tries left", "lock")
	if got := opensc(t, dir); !strings.Contains(got, "locked") {
		t.Errorf("the PIN is locked, and OpenSC sees\n%s", got)
	}
	send("card present, 3 tries left", "unlock")
	send("reader unplugged", "unplug")
	send("card present, 3 tries left", "plug")
	send("card present, 3 tries left", "delay 1ms")
	send("service stopped", "stop")
	send("card present, 3 tries left", "start")
	for _, bad := range []string{"fly", "delay", "delay soon", "delay -1s", "insert now", "insert card now", "type 1234", "cancel"} {
		if _, errs := cpxCard(t, 1, append([]string{"tell", "--dir", dir}, strings.Fields(bad)...)...); !strings.HasPrefix(errs, "cpx-card: ") {
			t.Errorf("%s: %q", bad, errs)
		}
	}
	if _, errs := cpxCard(t, 1, "virtual", "--dir", dir); !strings.Contains(errs, "already") {
		t.Errorf("a second one in the same folder: %q", errs)
	}
}

func TestVirtualTypes(t *testing.T) {
	for _, kind := range []string{"cps3", "piv", "piv-p256", "piv-p384"} {
		dir := t.TempDir()
		startVirtual(t, dir, "--type", kind, "--kind", "CPE")
		if got := opensc(t, dir); !strings.Contains(got, "token label") {
			t.Errorf("%s: OpenSC sees\n%s", kind, got)
		}
	}
	// No module of a Linux distribution knows a CPS4, and OpenSC says so.
	dir := t.TempDir()
	startVirtual(t, dir, "--type", "cps4")
	if got := opensc(t, dir); !strings.Contains(got, "not recognized") {
		t.Errorf("cps4: OpenSC sees\n%s", got)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A CPS on a contactless reader shows its technical key, which signs without a PIN.
// OpenSC knows the card with the configuration that the command writes.
func TestContactless(t *testing.T) {
	dir := t.TempDir()
	said := startVirtual(t, dir, "--contactless")
	conf := filepath.Join(dir, "opensc.conf")
	if !strings.Contains(said, "OPENSC_CONF="+conf+"\n") {
		t.Errorf("it says %q", said)
	}
	slots := opensc(t, dir)
	if !strings.Contains(slots, "CPS3v3_CL-TEST") || strings.Contains(slots, "login required") {
		t.Errorf("OpenSC sees\n%s", slots)
	}
	objects := openscTool(t, dir, "--list-objects")
	if !strings.Contains(objects, "CPS_PRIV_TECH_AUT") || strings.Count(objects, "Private Key Object") != 1 {
		t.Errorf("OpenSC sees\n%s", objects)
	}
	text, signed := filepath.Join(dir, "text"), filepath.Join(dir, "signed")
	if err := os.WriteFile(text, []byte("TEST"), 0o600); err != nil {
		t.Fatal(err)
	}
	openscTool(t, dir, "--sign", "--mechanism", "RSA-PKCS", "--id", "03", "--input-file", text, "--output-file", signed)
	if signature, err := os.ReadFile(signed); err != nil || len(signature) != 256 {
		t.Errorf("a signature of %d bytes, %v", len(signature), err)
	}
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	if got := opensc(t, dir); !strings.Contains(got, "not recognized") {
		t.Errorf("without the configuration OpenSC sees\n%s", got)
	}
}

func TestVirtualMisused(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"virtual"}, {"virtual", "--dir", dir, "--type", "x"}, {"virtual", "--dir", dir, "--kind", "x"}, {"virtual", "--dir", dir, "--contactless", "--type", "piv"}, {"virtual", "--dir", dir, "more"}, {"tell"}} {
		cpxCard(t, 2, args...)
	}
	if _, errs := cpxCard(t, 1, "tell", "--dir", dir, "insert"); !strings.Contains(errs, "no virtual card runs there") {
		t.Errorf("%q", errs)
	}
	if out, _ := cpxCard(t, 0, "tell", "help"); !strings.Contains(out, "unplug") {
		t.Errorf("%q", out)
	}
	// Sockets of a run that was killed are no obstacle.
	for _, name := range []string{"pcscd", "control"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	startVirtual(t, dir)
}
