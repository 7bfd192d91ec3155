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

// The store as programs see it, and the person's own part of it.
const (
	wholeStore uintptr = windows.CERT_STORE_PROV_SYSTEM_W
	ownStore   uintptr = windows.CERT_STORE_PROV_SYSTEM_REGISTRY_W
)

// Remove takes out this very certificate. The library would go by its number,
// and goes on for ever where a certificate can be taken out of the person's own
// part only, as in wine.
func (t systemTrust) Remove(store string, ca *x509.Certificate) error {
	for _, part := range []uintptr{wholeStore, ownStore} {
		err := withCertificate(part, ca, func(c *windows.CertContext) error {
			if c == nil {
				return nil
			}
			return windows.CertDeleteCertificateFromStore(c) // frees it too
		})
		if err != nil {
			return fmt.Errorf("localcert: the store of root certificates: %w", err)
		}
		if there, err := t.Has(store, ca); err != nil || !there {
			return err
		}
	}
	return errors.New("localcert: the store of root certificates keeps it")
}

func (systemTrust) Has(_ string, ca *x509.Certificate) (there bool, err error) {
	err = withCertificate(wholeStore, ca, func(c *windows.CertContext) error {
		there = c != nil
		if there {
			return windows.CertFreeCertificateContext(c)
		}
		return nil
	})
	return there, err
}

// withCertificate looks for the certificate in a part of the store and hands it
// over to do, which frees it; nil where it is not there.
func withCertificate(part uintptr, ca *x509.Certificate, do func(*windows.CertContext) error) error {
	name, err := windows.UTF16PtrFromString(rootStore)
	if err != nil {
		return err
	}
	store, err := windows.CertOpenStore(part, 0, 0, windows.CERT_SYSTEM_STORE_CURRENT_USER, uintptr(unsafe.Pointer(name)))
	if err != nil {
		return err
	}
	defer func() { _ = windows.CertCloseStore(store, 0) }()
	var c *windows.CertContext
	for {
		// Each call frees the one before, the last one all.
		if c, err = windows.CertEnumCertificatesInStore(store, c); c == nil {
			if err != nil && !errors.Is(err, syscall.Errno(windows.CRYPT_E_NOT_FOUND)) {
				return err
			}
			return do(nil)
		}
		if bytes.Equal(unsafe.Slice(c.EncodedCert, c.Length), ca.Raw) {
			return do(c)
		}
	}
}
