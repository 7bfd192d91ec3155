package localcert

import (
	"crypto/sha1" // only as the name under which `security` knows a certificate
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/smallstep/truststore"
)

// systemTrust is the system's keychain, which Safari reads. The library runs
// `sudo security`, which asks for the person's password on the terminal.
type systemTrust struct{}

const keychain = "/Library/Keychains/System.keychain"

func (systemTrust) Stores() ([]string, error) { return []string{keychain}, nil }

func (systemTrust) Add(_ string, ca *x509.Certificate) error {
	return withLibrary(func(options ...truststore.Option) error { return truststore.Install(ca, options...) })
}

// Remove deletes the certificate too: the library removes only the trust, and leaves
// the certificate in the keychain.
func (t systemTrust) Remove(store string, ca *x509.Certificate) error {
	err := withLibrary(func(options ...truststore.Option) error { return truststore.Uninstall(ca, options...) })
	present, hasErr := t.Has(store, ca)
	if hasErr != nil || !present {
		return errors.Join(err, hasErr)
	}
	out, deleteErr := exec.Command("sudo", "security", "delete-certificate", "-Z", fingerprint(ca), keychain).CombinedOutput()
	if deleteErr != nil {
		return errors.Join(err, fmt.Errorf("security delete-certificate: %w: %s", deleteErr, strings.TrimSpace(string(out))))
	}
	return nil
}

func (systemTrust) Has(_ string, ca *x509.Certificate) (bool, error) {
	out, err := exec.Command("security", "find-certificate", "-a", "-Z", "-c", ca.Subject.CommonName, keychain).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return false, nil // none of that name
	}
	return strings.Contains(string(out), fingerprint(ca)), err
}

func fingerprint(ca *x509.Certificate) string {
	sum := sha1.Sum(ca.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}
