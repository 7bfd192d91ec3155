package localcert

import (
	"crypto/x509"
	"sync"

	"github.com/smallstep/truststore"
)

// library guards the trust-store library, whose settings are package variables. The
// library runs programs (certutil for NSS, sudo and security on macOS) and on
// Windows calls crypt32.
var library sync.Mutex

// libraryName is the name under which the library puts a certificate into NSS.
func libraryName(ca *x509.Certificate) string {
	return ca.Subject.CommonName + " " + ca.SerialNumber.String()
}

func withLibrary(do func(...truststore.Option) error, options ...truststore.Option) error {
	library.Lock()
	defer library.Unlock()
	return do(options...)
}
