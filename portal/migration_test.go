package portal

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// versionZero is the schema of the databases that have no version.
const versionZero = `
CREATE TABLE IF NOT EXISTS accounts (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, display TEXT NOT NULL, service TEXT NOT NULL, region TEXT NOT NULL,
  password TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cards (
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  trust_group TEXT NOT NULL, key TEXT NOT NULL, identifier TEXT NOT NULL, holder TEXT NOT NULL, kind TEXT NOT NULL,
  profession TEXT NOT NULL, certificate TEXT NOT NULL, attached INTEGER NOT NULL, used INTEGER NOT NULL,
  UNIQUE (trust_group, key)) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
  id BLOB PRIMARY KEY, account INTEGER REFERENCES accounts(id) ON DELETE CASCADE, card INTEGER,
  pending TEXT NOT NULL DEFAULT '', pending_until INTEGER NOT NULL DEFAULT 0, pending_account INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS nonces (
  session BLOB NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, nonce TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (session, nonce)) STRICT;
`

// zero makes a database of version 0 for a site.
func zero(t *testing.T, s *site) *sql.DB {
	t.Helper()
	db := portallab.Database(t, s.settings.Database)
	if _, err := db.Exec(versionZero); err != nil {
		t.Fatal(err)
	}
	return db
}

// A database of the version before is taken over with all accounts and cards and with
// the sessions that stand on a card of theirs.
func TestMigration(t *testing.T) {
	s := newSite(t)
	read := *s.settings
	read.Database = filepath.Join(t.TempDir(), "portal.db")
	s.settings = &read
	now := s.clock.now()
	cards := []testCard{issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))}
	password, err := passwords.Hash(testPassword)
	if err != nil {
		t.Fatal(err)
	}
	browsers := map[string]*browser{}
	begun := func(name string) []byte {
		browsers[name] = s.browser(t)
		browsers[name].header.Set("Cookie", s.cookieName()+"="+name)
		return hashOf(name)
	}
	db := zero(t, s)
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	at := now.Unix()
	run(`INSERT INTO accounts VALUES (3, ?, 'Dr TEST Testeur', 'SERVICE TEST', 'bretagne', ?, 7), (9, 'autre', 'Mme TEST Autre', 'SERVICE TEST', '', ?, 8)`, testName, password, password)
	for i, account := range []int{3, 9} {
		c := cardFrom(cards[i])
		run(`INSERT INTO cards VALUES (?,?,?,?,?,?,?,?,?,?,?)`, 10+i, account, c.Group, c.Key(), c.Identifier, c.Holder, c.Kind, c.Profession, c.Certificate, at-100, at-50)
	}
	insert := `INSERT INTO sessions (id, account, card, pending, pending_until, pending_account, created, seen) VALUES (?,?,?,?,?,?,?,?)`
	run(insert, begun("in"), 3, 10, "", 0, 0, at-40, at-1)
	run(insert, begun("detached"), 3, 8, "", 0, 0, at-40, at-1)          // its card is gone
	run(insert, begun("of another card"), 3, 10, "", 0, 0, at-200, at-1) // that had the number before
	run(insert, begun("of another account"), 3, 11, "", 0, 0, at-40, at-1)
	run(insert, begun("pending"), nil, nil, `{"group":"test","identifier":"TEST-3","holder":"TEST PENDING","named":true}`, at+200, 9, at-10, at-1)
	run(insert, begun("of an account that is gone"), nil, nil, `{"group":"test","identifier":"TEST-4","holder":"TEST PENDING","named":true}`, at+200, 5, at-10, at-1)
	run(insert, begun("visitor"), nil, nil, "", 0, 0, at-1, at-1)
	run(`INSERT INTO nonces VALUES (?, 'n', ?)`, hashOf("visitor"), at+100)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	for range 2 { // and a second start changes nothing
		upgraded := s.second(t)
		if got, want := fmt.Sprint(upgraded.rows(t)), "map[accounts:2 audit:0 cards:2 challenge_keys:0 done:0 password_tries:0 revocation_lists:0 sessions:3 used_nonces:0]"; got != want {
			t.Errorf("rows %s, want %s", got, want)
		}
		for _, b := range browsers {
			b.site = upgraded
		}
		browsers["in"].shows(browsers["in"].get(pathSpace), 200, "Dr TEST Testeur", cards[0].cert.Subject.CommonName)
		browsers["pending"].shows(browsers["pending"].get(pathFirst+"/confirmation"), 200, "TEST PENDING", "Mme TEST Autre")
		browsers["of an account that is gone"].shows(browsers["of an account that is gone"].get(pathFirst+"/confirmation"), 403)
		browsers["of an account that is gone"].shows(browsers["of an account that is gone"].get(pathFirst), 200, "TEST PENDING")
		for _, name := range []string{"detached", "of another card", "of another account", "visitor"} {
			browsers[name].loggedOut()
		}
		if err := upgraded.db.QueryRow(`SELECT 1 FROM accounts WHERE id = 9 AND created = 8 AND name = 'AUTRE'`).Scan(new(int)); err != nil {
			t.Error(err)
		}
		if err := upgraded.db.QueryRow(`SELECT 1 FROM cards WHERE id = 11 AND attached = ? AND used = ?`, at-100, at-50).Scan(new(int)); err != nil {
			t.Error(err)
		}
	}
	upgraded := s.second(t)
	b := upgraded.browser(t)
	if next, reason := outcome(t, b.send(cards[1].token(t, s.origin, b.challenge()))); next != pathSpace {
		t.Errorf("login: %q %q", next, reason)
	}
	// The numbers go on after those of the cards that were there.
	var id int64
	if err := upgraded.db.QueryRow(`INSERT INTO cards (account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used)
VALUES (9,'test','k','','','','','',0,0) RETURNING id`).Scan(&id); err != nil || id <= 11 {
		t.Errorf("the next card is %d, %v", id, err)
	}
}

// cardFrom is what the portal reads of a card.
func cardFrom(c testCard) store.Card {
	person, sum := cps.Parse(c.cert, cps.Rules{}), sha256.Sum256(c.cert.Raw)
	return store.Card{Group: "test", Identifier: person.Identifier, Holder: person.DisplayName(), Kind: "CPS", Profession: person.Profession, Certificate: hex.EncodeToString(sum[:]), Named: person.Named()}
}

// A database that cannot be taken over stays as it was, in all its tables.
func TestMigrationFails(t *testing.T) {
	s := newSite(t)
	read := *s.settings
	read.Database = filepath.Join(t.TempDir(), "portal.db")
	s.settings = &read
	db := zero(t, s)
	// A card of no account: nothing that this program ever did.
	if _, err := db.Exec(`PRAGMA foreign_keys = OFF; INSERT INTO cards VALUES (1, 77, 'test', 'k', '', '', '', '', '', 0, 0)`); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), read.Database); err == nil {
		t.Fatal("upgraded over")
	}
	var n, version int
	if err := errors.Join(db.QueryRow(`SELECT COUNT(*) FROM cards, nonces`).Scan(&n), db.QueryRow(`PRAGMA user_version`).Scan(&version)); err != nil || version != 0 {
		t.Errorf("version %d, %v", version, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
