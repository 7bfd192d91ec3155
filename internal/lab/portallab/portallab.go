// Package portallab has what the tests of the portal's rooms share: a PKI of demonstration
// cards, settings of a portal on loopback, and the portal's database as the database sees it,
// past the portal's own store. It is for tests only; its functions may be called concurrently.
package portallab

import (
	"bytes"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers
	_ "modernc.org/sqlite"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// PKI is shared by all tests: making its keys takes longer than they do.
var PKI = sync.OnceValue(func() *demopki.PKI {
	p, err := demopki.New(time.Now())
	if err != nil {
		panic(err)
	}
	return p
})

// WritePEM writes certificates to a file, and returns its path.
func WritePEM(t testing.TB, dir, name string, certs ...*x509.Certificate) string {
	t.Helper()
	var out bytes.Buffer
	for _, c := range certs {
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			t.Fatal(err)
		}
	}
	return WriteFile(t, dir, name, out.String())
}

// WriteFile writes a text to a file, and returns its path.
func WriteFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// SettingsText is a settings file for a demonstration on loopback; the certificates that it
// names are written to dir.
func SettingsText(t testing.TB, dir, origin string, intermediates ...*x509.Certificate) string {
	t.Helper()
	intermediates = append(intermediates, PKI().Intermediate.Cert)
	var kinds strings.Builder
	for kind, policy := range demopki.KindPolicies() {
		fmt.Fprintf(&kinds, "%q = %q\n", policy, kind)
	}
	return fmt.Sprintf(`name = "Portail TEST"
origin = %q
listen = "127.0.0.1:0"
database = "portal.db"
revocation = "off"

[[trust_group]]
name = "test"
test = true
roots = [%q]
intermediates = [%q]
required_policies = [%q]
refused_policies = [%q]

[kinds]
%s`, origin, WritePEM(t, dir, "root.pem", PKI().Root.Cert), WritePEM(t, dir, "intermediate.pem", intermediates...),
		demopki.PolicyAuthentication, demopki.PolicyTechnical, kinds.String())
}

// Replacing changes a line of the settings.
func Replacing(old, new string) func(text string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic("the settings have no " + old)
		}
		return strings.Replace(text, old, new, 1)
	}
}

// Database connects to a portal's database, for one statement at a time.
func Database(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver, address := "sqlite", "file:"+database+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
	if strings.HasPrefix(database, "postgres:") {
		driver, address = "pgx", database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
