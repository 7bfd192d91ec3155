package revocation_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// verifierWithLists is what portal developers copy.
func verifierWithLists(ctx context.Context, db *sql.DB, roots, intermediates []*x509.Certificate, groups []authtoken.TrustGroup) (*authtoken.Verifier, *revocation.Checker, error) {
	lists, err := revocation.NewSQL(ctx, db, revocation.PostgreSQL) // or revocation.SQLite, or revocation.NewFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	checker, err := revocation.New(revocation.Options{
		Authorities: slices.Concat(roots, intermediates),
		Store:       lists,
		Refresh:     10 * time.Minute, // how long a revocation may stay unknown, at most
	})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := authtoken.NewVerifier(authtoken.Config{
		Origin: "https://portail.example.fr", Revocation: checker,
		Profile: authtoken.Profile{TrustGroups: groups},
	})
	if err != nil {
		checker.Close()
		return nil, nil, err
	}
	return verifier, checker, nil
}

// TestVerifierWithLists: what the document gives makes a verifier for a group of real cards.
func TestVerifierWithLists(t *testing.T) {
	pki, _, _ := demonstration()
	db, err := sql.Open("pgx", postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	roots, intermediates := []*x509.Certificate{pki.Root.Cert}, []*x509.Certificate{pki.Intermediate.Cert}
	groups := []authtoken.TrustGroup{{Name: "IGC-SANTE", Roots: roots, Intermediates: intermediates}}
	verifier, checker, err := verifierWithLists(t.Context(), db, roots, intermediates, groups)
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	if verifier == nil {
		t.Error("no verifier")
	}
	if _, _, err := verifierWithLists(t.Context(), db, roots, intermediates, nil); err == nil {
		t.Error("a verifier without a group")
	}
}
