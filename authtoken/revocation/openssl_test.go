package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// office is an authority that openssl keeps: its own database of certificates, from which
// it makes lists and answers of OCSP.
type office struct {
	*world
	dir, openssl string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{world: newWorld(t), dir: t.TempDir(), openssl: need.Program(t, "openssl")}
	key, err := x509.MarshalPKCS8PrivateKey(o.pki.Intermediate.Key)
	if err != nil {
		t.Fatal(err)
	}
	o.write("ca.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	o.write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.pki.Intermediate.Cert.Raw}))
	o.write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.pki.Root.Cert.Raw}))
	o.write("index.txt", nil)
	o.write("crlnumber", []byte("1000\n"))
	o.write("ca.cnf", []byte(`[ca]
default_ca = office
[office]
dir = `+o.dir+`
database = $dir/index.txt
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_crl_days = 1
[plain]
authorityKeyIdentifier = keyid
[users]
issuingDistributionPoint = critical, @users_point
[users_point]
onlyuser = TRUE
[part]
issuingDistributionPoint = critical, @part_point
[part_point]
fullname = URI:`+o.at("/ca.crl")+`
[other]
issuingDistributionPoint = critical, @other_point
[other_point]
fullname = URI:http://crl.example.fr/part2.crl
[authorities]
issuingDistributionPoint = critical, @authorities_point
[authorities_point]
onlyCA = TRUE
[indirect]
issuingDistributionPoint = critical, @indirect_point
[indirect_point]
indirectCRL = TRUE
[reasons]
issuingDistributionPoint = critical, @reasons_point
[reasons_point]
onlysomereasons = keyCompromise, CACompromise
[delta]
2.5.29.27 = critical, ASN1:INTEGER:4096
[unknown]
2.999.1 = critical, ASN1:NULL
`))
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(name string, content []byte) {
	o.t.Helper()
	if err := os.WriteFile(o.path(name), content, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) run(args ...string) string {
	o.t.Helper()
	out, err := exec.Command(o.openssl, args...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// revoke has openssl note the certificate as revoked, for the reason as it writes them.
func (o *office) revoke(cert *x509.Certificate, reason string) {
	o.write("card.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	o.run("ca", "-config", o.path("ca.cnf"), "-revoke", o.path("card.pem"), "-crl_reason", reason)
}

// makeList has openssl make a list, and returns it in PEM, as openssl writes it.
func (o *office) makeList(extensions string) []byte {
	o.t.Helper()
	o.run("ca", "-config", o.path("ca.cnf"), "-gencrl", "-crlexts", extensions, "-out", o.path("list.pem"))
	content, err := os.ReadFile(o.path("list.pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	return content
}

// TestListsOfOpenSSL: lists that another program made, in both forms, with each of the ways
// to divide them.
func TestListsOfOpenSSL(t *testing.T) {
	o := newOffice(t)
	good, lost, onHold := o.card(), o.card(), o.card()
	o.revoke(lost[0], "keyCompromise")
	o.revoke(onHold[0], "certificateHold")
	for extensions, refused := range map[string]Reason{
		"plain": "", "users": "", "part": "", "other": ReasonScope, "authorities": ReasonScope, "indirect": ReasonIndirect, "reasons": ReasonSomeReasons,
		"delta": ReasonDelta, "unknown": ReasonCriticalExtension,
	} {
		list := o.makeList(extensions)
		block, _ := pem.Decode(list)
		for form, content := range map[string][]byte{"PEM": list, "DER": block.Bytes} {
			o.set("/ca.crl", body(content))
			c := o.checker()
			err := c.Check(t.Context(), good, o.now)
			if refused == "" && err != nil || refused != "" && !slices.Contains(Reasons(err), refused) {
				t.Errorf("%s in %s: %v, want %q", extensions, form, err, refused)
			}
			if refused != "" {
				continue
			}
			for code, chain := range map[int][]*x509.Certificate{1: lost, 6: onHold} {
				var said *RevokedError
				if err := c.Check(t.Context(), chain, o.now); !errors.As(err, &said) || said.Code != code {
					t.Errorf("%s in %s, code %d: %v", extensions, form, code, err)
				}
			}
		}
	}
}

// TestFolderIsReadByOpenSSL: what the folder holds is a list to openssl, whose signature it
// verifies.
func TestFolderIsReadByOpenSSL(t *testing.T) {
	o := newOffice(t)
	folder, err := NewFolder(o.path("lists"))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.checker(func(options *Options) { options.Store = folder }).Check(t.Context(), o.card(), o.now); err != nil {
		t.Fatal(err)
	}
	if said := o.run("crl", "-noout", "-in", folder.path(o.at("/ca.crl")), "-CAfile", o.path("ca.pem")); !strings.Contains(said, "verify OK") {
		t.Error(said)
	}
}

// TestResponderOfOpenSSL: openssl's own responder answers, from its database.
func TestResponderOfOpenSSL(t *testing.T) {
	o := newOffice(t)
	o.pki.Intermediate.Services = demopki.Services{OCSP: []string{o.at("/ocsp")}}
	good, lost, unknown := o.card(), o.card(), o.card()
	o.revoke(lost[0], "superseded")
	index, err := os.ReadFile(o.path("index.txt"))
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("V\t%s\t\t%s\tunknown\t/CN=TEST\n", good[0].NotAfter.UTC().Format("060102150405Z"), strings.ToUpper(evenHex(good[0])))
	o.write("index.txt", append(index, line...))
	o.set("/ocsp", func(rw http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		o.write("question", question)
		o.run("ocsp", "-index", o.path("index.txt"), "-CA", o.path("ca.pem"), "-rsigner", o.path("ca.pem"), "-rkey", o.path("ca.key"),
			"-reqin", o.path("question"), "-respout", o.path("answer"), "-nmin", "10")
		answer, err := os.ReadFile(o.path("answer"))
		if err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(rw, bytes.NewReader(answer))
	})
	c := o.checker()
	if err := c.Check(t.Context(), good, o.now); err != nil {
		t.Error(err)
	}
	var said *RevokedError
	if err := c.Check(t.Context(), lost, o.now); !errors.As(err, &said) || said.Code != 4 {
		t.Error(err)
	}
	if err := c.Check(t.Context(), unknown, o.now); !slices.Contains(Reasons(err), ReasonNotKnownThere) || errors.Is(err, authtoken.ErrRevoked) {
		t.Error(err)
	}
}

// evenHex is a certificate's number as openssl writes it, in whole bytes.
func evenHex(cert *x509.Certificate) string { return fmt.Sprintf("%x", cert.SerialNumber.Bytes()) }
