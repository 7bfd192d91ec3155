package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/smallstep/pkcs7"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
)

// What a file may have. The PKI's own have one certificate, or some ten in a bundle.
const (
	maxFile         = 1 << 20
	maxCertificates = 100
)

// ReadFile reads the certificates of a file, as Read does.
func ReadFile(path string) ([]Certificate, error) {
	f, err := plainfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Read(path, content)
}

// Read reads the certificates of a file's content: in PEM, any number of them with text
// between, in DER, or in PKCS#7 (RFC 2315, as .p7b and .p7c files have it) in either form.
// It fails where there is none, and where there is anything else that is encoded.
func Read(file string, content []byte) ([]Certificate, error) {
	if len(content) > maxFile {
		return nil, fmt.Errorf("is larger than %d KiB, which no file of authorities is", maxFile>>10)
	}
	text, encoding := textfile.Read(content)
	if encoding != textfile.UTF8 {
		return nil, fmt.Errorf("is saved as %s: save it as UTF-8, or download it again", encoding)
	}
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	if len(parsed) > maxCertificates {
		return nil, fmt.Errorf("has %d certificates, at most %d are read", len(parsed), maxCertificates)
	}
	list := make([]Certificate, len(parsed))
	for i, c := range parsed {
		list[i] = Certificate{c, file}
	}
	return list, nil
}

func parse(text []byte) ([]*x509.Certificate, error) {
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("is empty")
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return parsePEM(text)
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return nil, errors.New("is a ZIP archive: unpack it, and name the files in it")
	case trimmed[0] == '<':
		return nil, errors.New("is a web page, not a certificate: the download was not the file, maybe because the site asked for something first")
	}
	if der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(trimmed)), "")); err == nil {
		return parseDER(der) // PEM without its first and last line
	}
	return parseDER(text)
}

func parsePEM(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS":
			parsed, err := parseDER(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("block %d in it %w", blocks, err)
			}
			list = append(list, parsed...)
		case "TRUSTED CERTIFICATE":
			return nil, errors.New("has a TRUSTED CERTIFICATE, OpenSSL's own form: write it as a plain one with `openssl x509 -in FILE -out OTHER`")
		case "X509 CRL":
			return nil, errors.New(isCRL)
		case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
			return nil, errors.New("is a request for a certificate, not a certificate")
		default:
			if strings.HasSuffix(block.Type, "PRIVATE KEY") {
				return nil, errors.New("has a private key, which no authority publishes: it is not a file of the PKI's site")
			}
			return nil, fmt.Errorf("has a block of another kind, %q: only certificates are read", block.Type)
		}
	}
	switch {
	case blocks < begun:
		return nil, fmt.Errorf("is damaged: of %d blocks in PEM %d can be read; download it again", begun, blocks)
	case len(list) == 0:
		return nil, errNone
	}
	return list, nil
}

const isCRL = "is a list of revoked certificates (CRL), not a certificate: the portal fetches those itself"

var errNone = errors.New("has no certificate in PEM, DER or PKCS#7")

func parseDER(der []byte) ([]*x509.Certificate, error) {
	if c, err := x509.ParseCertificate(der); err == nil {
		return []*x509.Certificate{c}, nil
	}
	if _, err := x509.ParseRevocationList(der); err == nil {
		return nil, errors.New(isCRL)
	}
	if signed, err := pkcs7.Parse(der); err == nil {
		if len(signed.Certificates) == 0 {
			return nil, errors.New("is PKCS#7 without certificates")
		}
		return signed.Certificates, nil
	}
	return nil, errNone
}
