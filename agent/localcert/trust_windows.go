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
// person before it adds or removes one.
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

// Remove removes exactly this certificate. The library compares serial numbers only,
// and never returns where a certificate can be removed from the person's own part of
// the store only, as in wine.
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
		if present, err := t.Has(store, ca); err != nil || !present {
			return err
		}
	}
	return errors.New("localcert: the store of root certificates keeps it")
}

func (systemTrust) Has(_ string, ca *x509.Certificate) (present bool, err error) {
	err = withCertificate(wholeStore, ca, func(c *windows.CertContext) error {
		present = c != nil
		if present {
			return windows.CertFreeCertificateContext(c)
		}
		return nil
	})
	return present, err
}

// withCertificate finds the certificate in a part of the store and passes it to do,
// which has to free it; nil where the part does not hold it.
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
		// Each call frees the certificate of the one before.
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
