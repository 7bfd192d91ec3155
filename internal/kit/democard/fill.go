package democard

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// fill puts the design's keys and certificates on the token. The last byte of
// CKA_ID is as on real cards: 0x20 for authentication, 0x10 for signature.
func (w *workshop) fill(session p11.SessionHandle, d design) error {
	from, to := w.now.Add(-time.Hour), w.now.AddDate(3, 0, 0)
	if d.expired {
		from, to = w.now.AddDate(-3, 0, 0), w.now.AddDate(0, 0, -1)
	}
	for _, part := range []struct {
		wanted              bool
		usage               demopki.Usage
		id                  byte
		keyLabel, certLabel string
	}{
		{d.authentication, demopki.Authentication, 0x20, "CPS_PRIV_AUT", "Certificat d'Authentification CPS"},
		{d.signature, demopki.Signature, 0x10, "CPS_PRIV_SIG", "Certificat de Signature CPS"},
		{d.technical, demopki.Technical, 0x30, "CPS_PRIV_TECH_AUT", "Certificat Technique CPS"},
	} {
		if !part.wanted {
			continue
		}
		key, err := newKey(d.curve)
		if err != nil {
			return err
		}
		certificate, err := w.pki.Intermediate.Issue(demopki.Leaf{
			Holder: d.holder, Usage: part.usage, NotBefore: from, NotAfter: to, PublicKey: key.Public(),
		})
		if err != nil {
			return err
		}
		id := []byte{0xe8, 0x28, 0xbd, part.id}
		if err := w.hsm.putCertificate(session, certificate, id, part.certLabel); err != nil {
			return err
		}
		if err := w.putKeys(session, d, key, id, part.keyLabel, part.usage == demopki.Technical); err != nil {
			return err
		}
	}
	return nil
}

// putKeys puts the certificate's key on the token, as the design has it.
func (w *workshop) putKeys(session p11.SessionHandle, d design, key crypto.Signer, id []byte, label string, open bool) error {
	anothers := func() error {
		other, err := newKey(d.curve)
		if err != nil {
			return err
		}
		return w.hsm.putKey(session, other, id, label, open)
	}
	switch d.keys {
	case keysMissing:
		return nil
	case keysUnderAnotherID:
		otherID := append(slices.Clone(id), 1)
		return errors.Join(anothers(), w.hsm.putKey(session, key, otherID, label, open))
	case keysUnderOneID: // on either side of it: modules find them in any order
		return errors.Join(anothers(), w.hsm.putKey(session, key, id, label, open), anothers())
	}
	return w.hsm.putKey(session, key, id, label, open)
}

// OpenPKI reads the CAs with their keys from the folder, or makes them. The keys
// are stored in clear: they are worth nothing outside the demonstration.
func OpenPKI(dir string, now time.Time) (*demopki.PKI, error) {
	ofRoot, ofIntermediate, err := readServices(dir)
	if err != nil {
		return nil, err
	}
	root, err := readAuthority(dir, "root")
	if errors.Is(err, fs.ErrNotExist) {
		return newPKI(dir, now, ofRoot, ofIntermediate)
	}
	if err != nil {
		return nil, err
	}
	intermediate, err := readAuthority(dir, "intermediate")
	if err != nil {
		return nil, err
	}
	root.Services, intermediate.Services = ofRoot, ofIntermediate
	intermediate.Issued = noteIssued(dir)
	return &demopki.PKI{Root: root, Intermediate: intermediate}, nil
}

func newPKI(dir string, now time.Time, ofRoot, ofIntermediate demopki.Services) (*demopki.PKI, error) {
	pki, err := demopki.NewServed(now, ofRoot, ofIntermediate)
	if err != nil {
		return nil, err
	}
	pki.Intermediate.Issued = noteIssued(dir)
	return pki, errors.Join(
		writeAuthority(dir, "intermediate", pki.Intermediate, nil),
		writeAuthority(dir, "root", pki.Root, nil), // last: OpenPKI checks for it
	)
}

// appendIntermediate makes a the CA that issues, and retains the former ones'
// certificates after it: cards that they issued are still valid.
func appendIntermediate(dir string, a *demopki.Authority) error {
	before, err := os.ReadFile(filepath.Join(dir, "intermediate.pem"))
	if err != nil {
		return err
	}
	return writeAuthority(dir, "intermediate", a, before)
}

func writeAuthority(dir, name string, a *demopki.Authority, after []byte) error {
	key, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		return err
	}
	certificates := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw}), after...)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
		os.WriteFile(filepath.Join(dir, name+".pem"), certificates, 0o600),
	)
}

// readAuthority uses the first certificate of the file, which is the newest.
func readAuthority(dir, name string) (*demopki.Authority, error) {
	certificate, err := readPEM(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	der, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	return demopki.NewAuthority(parsed, der)
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", path)
	}
	return block.Bytes, nil
}
