package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// cpxCard runs the command.
func cpxCard(t *testing.T, want int, args ...string) (string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, &out, &errs); got != want {
		t.Fatalf("cpx-card %v: exit %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// certificates reads a folder's cards as the agent does.
func certificates(t *testing.T, dir string) []pkcs11.Certificate {
	t.Helper()
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	module, err := democard.Module()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pkcs11.Open(t.Context(), pkcs11.Options{Modules: []string{module}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Certificates
}

func one(t *testing.T, list []pkcs11.Certificate, label string) pkcs11.Certificate {
	t.Helper()
	i := slices.IndexFunc(list, func(c pkcs11.Certificate) bool { return strings.Contains(c.Label, label) })
	if i < 0 {
		t.Fatalf("no %s among %d certificates", label, len(list))
	}
	return list[i]
}

func TestEveryKindOfCard(t *testing.T) {
	dir := t.TempDir()
	out, _ := cpxCard(t, 0, "demo", "--dir", dir, "--all")
	for _, name := range democard.Names() {
		if !regexp.MustCompile(`(?m)^` + name + ` .*PIN 1234`).MatchString(out) {
			t.Errorf("%s is not listed:\n%s", name, out)
		}
	}
	kinds := map[string]int{}
	unnamed, expired, open := 0, 0, 0
	for _, c := range certificates(t, dir) {
		p := cps.Parse(c.X509, cps.DemoRules())
		if !strings.Contains(c.X509.Issuer.String(), "TEST") || !p.Test {
			t.Errorf("%s does not say TEST", c.X509.Subject)
		}
		if c.Reason != pkcs11.NotForAuthentication {
			kinds[p.Kind]++
			if !p.Named() {
				unnamed++
			}
		}
		switch c.Reason {
		case pkcs11.Expired:
			expired++
		case pkcs11.KeyWithoutPIN:
			open++
		}
	}
	if kinds["CPS"] < 4 || kinds["CPF"] != 1 || kinds["CPE"] != 2 || kinds["CPA"] != 1 || unnamed != 1 || expired != 1 || open != 1 {
		t.Errorf("kinds %v, unnamed %d, expired %d, open %d", kinds, unnamed, expired, open)
	}
}

func TestDemoRetainsExistingCards(t *testing.T) {
	dir := t.TempDir()
	cpxCard(t, 0, "demo", "--dir", dir)
	before := one(t, certificates(t, dir), "Authentification")
	out, _ := cpxCard(t, 0, "demo", "--dir", dir, "--card", "cps", "--card", "cpf")
	if strings.Count(out, "PIN") != 2 {
		t.Error(out)
	}
	if !slices.ContainsFunc(certificates(t, dir), func(c pkcs11.Certificate) bool { return c.ID == before.ID }) {
		t.Error("the first card was replaced")
	}
}

func TestRenewRetainsTheIdentifier(t *testing.T) {
	dir := t.TempDir()
	cpxCard(t, 0, "demo", "--dir", dir)
	first := one(t, certificates(t, dir), "Authentification")
	cpxCard(t, 0, "renew", "--dir", dir, "--card", "cps")
	second := one(t, certificates(t, dir), "Authentification")
	cpxCard(t, 0, "renew", "--dir", dir, "--card", "cps", "--new-ca")
	third := one(t, certificates(t, dir), "Authentification")

	identifier := func(c pkcs11.Certificate) string { return cps.Parse(c.X509, cps.DemoRules()).Identifier }
	if identifier(first) == "" || identifier(first) != identifier(second) || identifier(second) != identifier(third) {
		t.Errorf("%q, %q, %q", identifier(first), identifier(second), identifier(third))
	}
	if first.ID == second.ID || second.ID == third.ID {
		t.Error("the renewed card has the former certificate")
	}
	if !bytes.Equal(first.X509.AuthorityKeyId, second.X509.AuthorityKeyId) || bytes.Equal(second.X509.AuthorityKeyId, third.X509.AuthorityKeyId) {
		t.Errorf("issued by %x, %x, %x", first.X509.AuthorityKeyId, second.X509.AuthorityKeyId, third.X509.AuthorityKeyId)
	}
	if len(certificates(t, dir)) != 2 {
		t.Error("the former certificates are still on the card")
	}
	chains(t, dir, second, third)
}

// chains verifies with the files that a portal's settings name.
func chains(t *testing.T, dir string, leaves ...pkcs11.Certificate) {
	t.Helper()
	read := func(name string) *x509.CertPool {
		text, err := os.ReadFile(filepath.Join(dir, "ca", name))
		if err != nil {
			t.Fatal(err)
		}
		set := x509.NewCertPool()
		if block, _ := pem.Decode(text); block == nil || !set.AppendCertsFromPEM(text) {
			t.Fatalf("%s holds no certificate", name)
		}
		return set
	}
	for _, c := range leaves {
		_, err := c.X509.Verify(x509.VerifyOptions{
			Roots: read("root.pem"), Intermediates: read("intermediate.pem"), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestMisuse(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "a command is missing"},
		{[]string{"make"}, `unknown command "make"`},
		{[]string{"demo"}, "--dir is missing"},
		{[]string{"demo", "--dir", dir, "more"}, `unexpected "more"`},
		{[]string{"demo", "--dir", dir, "--card", "gold"}, `no such demonstration card: "gold"; there are cps`},
		{[]string{"demo", "--colour"}, "colour"},
		{[]string{"renew", "--dir", dir}, "exactly one --card"},
		{[]string{"renew", "--dir", dir, "--card", "cpf"}, `"cpf" is not in`},
	} {
		if _, errs := cpxCard(t, 2, c.args...); !strings.Contains(errs, c.says) {
			t.Errorf("%v: %q", c.args, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "cards.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused command made cards: %v", err)
	}
	cpxCard(t, 1, "list", "--dir", filepath.Join(dir, "nowhere"))
	for _, asked := range []string{"version", "--version"} {
		if out, _ := cpxCard(t, 0, asked); out != "cpx-card dev\n" {
			t.Errorf("%s: %q", asked, out)
		}
	}
	cpxCard(t, 0, "help")
}

func TestNoSoftHSM(t *testing.T) {
	t.Setenv("CPX_SOFTHSM", "/nowhere/libsofthsm2.so")
	if _, errs := cpxCard(t, 1, "demo", "--dir", t.TempDir()); !strings.Contains(errs, "CPX_SOFTHSM") {
		t.Error(errs)
	}
}
