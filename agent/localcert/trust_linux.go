package localcert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/smallstep/truststore"
)

// systemTrust is the NSS databases of the person's browsers. The machine's own
// store is left alone: browsers on Linux do not read it, writing it needs root, and
// every person on the machine would trust a certificate whose key one of them has.
type systemTrust struct{}

// nssPatterns match the folders of the browsers' databases, below the person's home.
var nssPatterns = []string{
	".pki/nssdb", ".local/share/pki/nssdb", ".mozilla/firefox/*", ".config/mozilla/firefox/*",
	"snap/chromium/current/.pki/nssdb", "snap/firefox/common/.mozilla/firefox/*",
	".var/app/org.mozilla.firefox/.mozilla/firefox/*", ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
	".var/app/org.chromium.Chromium/.pki/nssdb", ".var/app/com.google.Chrome/.pki/nssdb",
}

func (systemTrust) Stores() ([]string, error) {
	if _, err := exec.LookPath("certutil"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTool, err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	var stores []string
	for _, pattern := range nssPatterns {
		found, err := filepath.Glob(filepath.Join(escapeGlob(home), pattern, "cert9.db"))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			stores = append(stores, filepath.Dir(file))
		}
	}
	if len(stores) == 0 {
		return nil, fmt.Errorf("%w: start Chromium or Firefox once, then run this again", ErrNoStore)
	}
	slices.Sort(stores)
	return stores, nil
}

// escapeGlob makes a pattern that matches only the path itself: the library expects
// a pattern for the databases.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Add puts the certificate into one database. The library does not report failures;
// the caller has to check with Has.
func (systemTrust) Add(store string, ca *x509.Certificate) error {
	return onStore(store, func(options ...truststore.Option) error { return truststore.Install(ca, options...) })
}

// Remove calls certutil itself where the library has left the certificate in place:
// the library does not find one that is no longer valid.
func (t systemTrust) Remove(store string, ca *x509.Certificate) error {
	err := onStore(store, func(options ...truststore.Option) error { return truststore.Uninstall(ca, options...) })
	present, hasErr := t.Has(store, ca)
	if hasErr != nil || !present {
		return errors.Join(err, hasErr)
	}
	out, err := exec.Command("certutil", "-D", "-d", "sql:"+store, "-n", libraryName(ca)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("certutil: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func onStore(store string, do func(...truststore.Option) error) error {
	nss, err := truststore.NewNSSTrust()
	if err != nil { // unchecked, the library would do nothing and report success
		return fmt.Errorf("%w: %w", ErrNoTool, err)
	}
	return withLibrary(func(options ...truststore.Option) error {
		before := truststore.NSSProfile
		defer func() { truststore.NSSProfile = before }()
		truststore.NSSProfile = escapeGlob(store)
		return do(options...)
	}, truststore.WithTrust(nss), truststore.WithNoSystem())
}

// Has looks the certificate up by name. A database that does not exist holds nothing.
func (systemTrust) Has(store string, ca *x509.Certificate) (bool, error) {
	if _, err := os.Stat(filepath.Join(store, "cert9.db")); gone(err) == nil && err != nil {
		return false, nil
	}
	out, err := exec.Command("certutil", "-L", "-d", "sql:"+store, "-n", libraryName(ca), "-r").Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		if strings.Contains(string(failed.Stderr), "SEC_ERROR_UNKNOWN_CERT") || strings.Contains(string(failed.Stderr), "PR_FILE_NOT_FOUND_ERROR") ||
			strings.Contains(string(failed.Stderr), "Could not find cert") {
			return false, nil
		}
		return false, fmt.Errorf("certutil: %w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrNoTool, err)
	}
	return string(out) == string(ca.Raw), nil
}

// Trusts reads the certificate's trust flags, which a person can clear without
// removing the certificate.
func (systemTrust) Trusts(store string, ca *x509.Certificate) (bool, error) {
	out, err := exec.Command("certutil", "-L", "-d", "sql:"+store).Output()
	if err != nil {
		return false, fmt.Errorf("certutil: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if flags, ok := strings.CutPrefix(line, libraryName(ca)+" "); ok {
			servers, _, _ := strings.Cut(strings.TrimSpace(flags), ",")
			return strings.Contains(servers, "C"), nil
		}
	}
	return false, nil
}
