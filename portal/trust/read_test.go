package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestRead: certificates are read as PKI sites and Windows give them out, and anything
// else is refused by what it is.
func TestRead(t *testing.T) {
	root := issued(t, nil, "AC RACINE EXEMPLE", nil)
	ca := issued(t, root, "AC EXEMPLE", nil)
	leaf := asPEM(root)
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 1)}, root.Certificate, root.key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	in16 := []byte("\xff\xfe")
	for _, b := range leaf {
		in16 = append(in16, b, 0)
	}
	for name, c := range map[string]struct {
		content []byte
		want    int // certificates
		says    string
	}{
		"PEM":                         {leaf, 1, ""},
		"a bundle":                    {asPEM(root, ca), 2, ""},
		"a bundle with text":          {slicesOf("subject=AC\n", leaf, "\nissuer=AC\n", asPEM(ca), "end\n"), 2, ""},
		"with a mark":                 {slicesOf("\ufeff", leaf), 1, ""},
		"with Windows' line ends":     {bytes.ReplaceAll(leaf, []byte("\n"), []byte("\r\n")), 1, ""},
		"DER":                         {root.Raw, 1, ""},
		"base64 without its lines":    {[]byte(base64.StdEncoding.EncodeToString(root.Raw)), 1, ""},
		"nothing":                     {nil, 0, "is empty"},
		"blanks":                      {[]byte(" \r\n\n"), 0, "is empty"},
		"UTF-16":                      {in16, 0, "UTF-16"},
		"a web page":                  {[]byte("<!DOCTYPE html><title>Accès refusé</title>"), 0, "is a web page"},
		"a ZIP archive":               {[]byte("PK\x03\x04 and more"), 0, "unpack it"},
		"a private key":               {slicesOf("", leaf, "", block("PRIVATE KEY", []byte("x"))), 0, "private key"},
		"an old one":                  {block("RSA PRIVATE KEY", []byte("x")), 0, "private key"},
		"a list of revoked ones":      {crl, 0, "(CRL)"},
		"one in PEM":                  {block("X509 CRL", crl), 0, "(CRL)"},
		"a request":                   {block("CERTIFICATE REQUEST", []byte("x")), 0, "request"},
		"OpenSSL's own form":          {block("TRUSTED CERTIFICATE", root.Raw), 0, "openssl x509"},
		"parameters":                  {block("EC PARAMETERS", []byte("x")), 0, `"EC PARAMETERS"`},
		"a certificate that is none":  {block("CERTIFICATE", []byte("x")), 0, "block 1 in it has no certificate"},
		"cut short":                   {leaf[:len(leaf)-30], 0, "is damaged: of 1 blocks"},
		"the second of two cut short": {asPEM(root, ca)[:len(leaf)+200], 0, "is damaged: of 2 blocks in PEM 1 can be read"},
		"DER cut short":               {root.Raw[:200], 0, "no certificate"},
		"DER and more":                {append(bytes.Clone(root.Raw), 0), 0, "no certificate"},
		"something else":              {[]byte("certificate"), 0, "no certificate"},
		"far too large":               {bytes.Repeat([]byte("a"), maxFile+1), 0, "is larger"},
		"far too many":                {bytes.Repeat(leaf, maxCertificates+1), 0, "101 certificates"},
	} {
		got, err := Read("f", c.content)
		if c.says == "" && (err != nil || len(got) != c.want || got[0].File != "f") || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %d certificates, %v; want %d, %q", name, len(got), err, c.want, c.says)
		}
	}
}

func slicesOf(parts ...any) []byte {
	var all []byte
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			all = append(all, p...)
		case []byte:
			all = append(all, p...)
		}
	}
	return all
}

// TestReadPKCS7: the bundles that OpenSSL makes, as .p7b files are.
func TestReadPKCS7(t *testing.T) {
	openssl := need.Program(t, "openssl")
	root := issued(t, nil, "AC RACINE EXEMPLE", nil)
	ca := issued(t, root, "AC EXEMPLE", nil)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "both.pem"), asPEM(root, ca))
	for _, form := range []string{"DER", "PEM"} {
		path := filepath.Join(dir, "both.p7b")
		if out, err := exec.Command(openssl, "crl2pkcs7", "-nocrl", "-certfile", filepath.Join(dir, "both.pem"), "-outform", form, "-out", path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got, err := ReadFile(path)
		if err != nil || len(got) != 2 || !got[0].Equal(root.Certificate) && !got[1].Equal(root.Certificate) || got[0].File != path {
			t.Errorf("%s: %v, %v", form, got, err)
		}
	}
}

// FuzzRead: whatever a file holds, what is read of it are certificates that stand in it.
func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := Read("f", content)
		if err == nil && len(list) == 0 {
			t.Error("nothing was read, and no error says so")
		}
		if err != nil && (len(list) > 0 || len(err.Error()) > 500) {
			t.Errorf("%d certificates with %v", len(list), err)
		}
		for _, c := range list {
			if len(c.Raw) == 0 || len(c.Raw) > len(content) {
				t.Errorf("a certificate of %d bytes of a file of %d", len(c.Raw), len(content))
			}
		}
	})
}

// TestReadFile: what is no file is no certificate either.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Error(err)
	}
	if _, err := ReadFile(filepath.Join(dir, "missing.cer")); !os.IsNotExist(err) {
		t.Error(err)
	}
}
