package postgres

import (
	"database/sql"
	"os"
	"testing"
)

// A server answers, has each test's database apart, survives a restart, and leaves nothing.
func TestServer(t *testing.T) {
	Need(t)
	s, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE n (i INTEGER)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Control(t.Context(), "restart", "-m", "immediate"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sql.Open("pgx", address); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow(`SELECT COUNT(*) FROM n`).Scan(&n); err != nil || n != 0 {
		t.Errorf("after a restart: %d, %v", n, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s remains: %v", s.dir, err)
	}
}
