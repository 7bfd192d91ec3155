package localcert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/smallstep/truststore"
	"golang.org/x/sys/windows"
)

// systemTrust is the person's own store of root certificates. Windows asks the
// person before it takes one in or out.
type systemTrust struct{}

const rootStore = "ROOT"

func (systemTrust) Stores() ([]string, error) { return []string{rootStore}, nil }

func (systemTrust) Add(_ string, ca *x509.Certificate) error {
	return withLibrary(func(options ...truststore.Option) error { return truststore.Install(ca, options...) })
}

func (systemTrust) Remove(_ string, ca *x509.Certificate) error {
	err := withLibrary(func(options ...truststore.Option) error { return truststore.Uninstall(ca, options...) })
	if errors.Is(err, truststore.ErrNotFound) {
		return nil
	}
	return err
}

func (systemTrust) Has(_ string, ca *x509.Certificate) (bool, error) {
	name, err := windows.UTF16PtrFromString(rootStore)
	if err != nil {
		return false, err
	}
	store, err := windows.CertOpenSystemStore(0, name)
	if err != nil {
		return false, fmt.Errorf("localcert: the store of root certificates: %w", err)
	}
	defer func() { _ = windows.CertCloseStore(store, 0) }()
	var c *windows.CertContext
	for {
		// Each call frees the one before, the last one all.
		c, err = windows.CertEnumCertificatesInStore(store, c)
		if c == nil {
			if errors.Is(err, syscall.Errno(windows.CRYPT_E_NOT_FOUND)) || err == nil {
				return false, nil
			}
			return false, err
		}
		if bytes.Equal(unsafe.Slice(c.EncodedCert, c.Length), ca.Raw) {
			_ = windows.CertFreeCertificateContext(c)
			return true, nil
		}
	}
}
