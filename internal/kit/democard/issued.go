package democard

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The files of a folder's ca beside the CAs' own.
const (
	serviceFile = "service"    // the CA service's address, in one line
	issuedFile  = "issued.pem" // every card certificate, in the order of issuing
)

// ErrService says that a folder's certificates name another CA service, or none.
var ErrService = errors.New("the folder's certificates cannot name that CA service")

// SetService has the certificates of a folder name the CA service at the address, such as
// http://127.0.0.1:9080. They do so from the first on, or never.
func SetService(dir, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("%w: %q is not an address such as http://127.0.0.1:9080", ErrService, address)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w: it serves this machine alone, and %s is not an address of it such as 127.0.0.1", ErrService, u.Hostname())
	}
	ca := filepath.Join(dir, "ca")
	before, err := os.ReadFile(filepath.Join(ca, serviceFile))
	switch {
	case err == nil && strings.TrimSpace(string(before)) == address:
		return nil
	case err == nil:
		return fmt.Errorf("%w: they name %s; make cards in another folder", ErrService, strings.TrimSpace(string(before)))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Stat(filepath.Join(ca, "root.pem")); err == nil {
		return fmt.Errorf("%w: they name none; make cards in another folder", ErrService)
	}
	return errors.Join(os.MkdirAll(ca, 0o700), os.WriteFile(filepath.Join(ca, serviceFile), []byte(address+"\n"), 0o600))
}

// Service is the address of the CA service that a folder's certificates name; "" is none.
func Service(dir string) (string, error) { return readService(filepath.Join(dir, "ca")) }

func readService(ca string) (string, error) {
	text, err := os.ReadFile(filepath.Join(ca, serviceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

func readServices(ca string) (ofRoot, ofIntermediate demopki.Services, err error) {
	address, err := readService(ca)
	if err != nil || address == "" {
		return ofRoot, ofIntermediate, err
	}
	ofRoot, ofIntermediate = caservice.Addresses(address)
	return ofRoot, ofIntermediate, nil
}

// noteIssued notes each card certificate in the folder, which the CA service reads.
func noteIssued(ca string) func(*x509.Certificate) error {
	return func(cert *x509.Certificate) error {
		f, err := os.OpenFile(filepath.Join(ca, issuedFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), f.Close())
	}
}

// Issued finds the certificates of a card by its name in the folder, by its holder's
// identifier or by a certificate's number in hex; and the intermediate's own by
// "intermediate". ErrUnknownCard is of a word that is none of these.
func Issued(dir, word string) ([]*x509.Certificate, error) {
	if word == "intermediate" {
		der, err := readPEM(filepath.Join(dir, "ca", "intermediate.pem"))
		if err != nil {
			return nil, err
		}
		cert, err := x509.ParseCertificate(der)
		return []*x509.Certificate{cert}, err
	}
	cards, err := Load(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	identifier := word
	if i := slices.IndexFunc(cards, func(c Card) bool { return c.Name == word }); i >= 0 {
		identifier = cards[i].Identifier
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca", issuedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if cert.Subject.CommonName == identifier || strings.EqualFold(cert.SerialNumber.Text(16), word) {
			found = append(found, cert)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %q is no card of %s, no holder's identifier and no number of a certificate", ErrUnknownCard, word, dir)
	}
	return found, nil
}
