package portal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/auth"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

const (
	million = 1_000_000
	people  = 16   // who log in, each by a card
	rounds  = 5    // of each side, which take turns
	logins  = 1200 // of a round
)

// BenchmarkLogins measures the logins a second that two cores have, of the portal with an empty
// database and with one of a million old rows (their sessions ended, which are being deleted
// meanwhile, and their lines of the audit log, which stay), beside the floor. Then it measures
// what all but a hundredth of the logins take at half of that load. The clients are on the same
// two cores.
func BenchmarkLogins(b *testing.B) { benchmarkLogins(b, filledSQLite) }

// BenchmarkLoginsPostgreSQL is the same on PostgreSQL, whose server is on the two cores too.
func BenchmarkLoginsPostgreSQL(b *testing.B) {
	if postgres.Bin() == "" {
		b.Log("not had: PostgreSQL")
		return
	}
	benchmarkLogins(b, filledPostgres)
}

func benchmarkLogins(b *testing.B, filled func(b *testing.B, rows int) string) {
	onTwoCores(b)
	least, empty, full := floorUnderLoad(b), portalUnderLoad(b, "portal", filled(b, 0)), portalUnderLoad(b, "million", filled(b, million))
	sides := []*loaded{least, empty, full}
	for range rounds {
		for _, side := range sides {
			side.full(b, logins)
		}
	}
	for range rounds {
		least.at(b, logins, median(least.rates)/2)
		for _, portal := range sides[1:] { // the same load for both
			portal.at(b, logins, median(empty.rates)/2)
		}
	}
	for _, side := range sides {
		b.ReportMetric(median(side.rates), side.name+"-logins/s")
		b.ReportMetric(median(side.tails), side.name+"-ms")
		b.ReportMetric(median(side.spent), side.name+"-us")
	}
	b.ReportMetric(median(empty.statements), "portal-statements")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLoginRows measures a login's cost against the number of old rows.
func BenchmarkLoginRows(b *testing.B) {
	onTwoCores(b)
	var sides []*loaded
	for _, rows := range []int{1000, 10_000, 100_000, million} {
		sides = append(sides, portalUnderLoad(b, fmt.Sprint("rows=", rows), filledSQLite(b, rows)))
	}
	for range rounds {
		for _, side := range sides {
			side.full(b, logins)
		}
	}
	for _, side := range sides {
		b.Run(side.name, func(b *testing.B) {
			b.ReportMetric(1e6/median(side.rates), "portal-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func onTwoCores(b *testing.B) {
	b.Helper()
	before := runtime.GOMAXPROCS(2)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// loadedCards are the cards of the people who log in: making their keys takes longer than a round.
var loadedCards = sync.OnceValues(func() ([]rsaCard, error) {
	list := make([]rsaCard, people)
	for i := range list {
		var err error
		if list[i], err = newRSACard(demopki.NewHolder("CPS", i)); err != nil {
			return nil, err
		}
	}
	return list, nil
})

func floorUnderLoad(b *testing.B) *loaded {
	b.Helper()
	l := serveLoaded(b, func(origin string) http.Handler {
		s := loadedSettings(b, origin, "portal.db")
		profile, err := s.Profile()
		if err != nil {
			b.Fatal(err)
		}
		v, err := auth.NewVerifier(s, profile, authtoken.RevocationOff, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			b.Fatal(err)
		}
		return &floor{verifier: v, open: map[string]bool{}}
	})
	l.name, l.asked = "bare", func() uint64 { return 0 }
	return l
}

func portalUnderLoad(b *testing.B, name, database string) *loaded {
	b.Helper()
	var p *Portal
	l := serveLoaded(b, func(origin string) http.Handler {
		var err error
		p, err = New(b.Context(), loadedSettings(b, origin, database), Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := p.Close(); err != nil {
				b.Error(err)
			}
		})
		return p.Handler()
	})
	l.name, l.asked = name, p.store.Statements
	for i, c := range l.cards {
		attachLoaded(b, p.store, i, c)
	}
	return l
}

func loadedSettings(b *testing.B, origin, database string) *settings.Settings {
	b.Helper()
	dir := b.TempDir()
	text := portallab.Replacing(`database = "portal.db"`, fmt.Sprintf("database = %q", database))(portallab.SettingsText(b, dir, origin))
	read, err := settings.Load(portallab.WriteFile(b, dir, "portal.toml", text))
	if err != nil {
		b.Fatal(err)
	}
	return read
}

// attachLoaded attaches a card to an account of its own, past the pages.
func attachLoaded(b *testing.B, s *store.Store, i int, c rsaCard) {
	b.Helper()
	ctx, now, name := b.Context(), time.Now(), fmt.Sprintf("bench%d", i)
	h := demopki.NewHolder("CPS", i)
	card := store.Card{Group: "test", Identifier: h.Identifier, Holder: h.Surname, Named: true}
	pending, _, err := s.Login(ctx, card, nil, store.Session{Hash: []byte("pending " + name)}, now, time.Minute, nil)
	if err == nil {
		err = s.AddAccount(ctx, store.Account{Name: name, Display: "TEST", Service: "TEST"}, now)
	}
	var a store.Account
	if err == nil {
		a, err = s.AccountByName(ctx, name)
	}
	if err == nil {
		err = s.Confirmable(ctx, pending.Hash, a.ID, a.Password)
	}
	pending.PendingAccount = a.ID
	if err == nil {
		_, err = s.Confirm(ctx, pending, store.Session{Hash: []byte("in " + name)}, nil, now)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// Old rows: accounts with a card each, sessions that ended a day ago, and their lines of the
// audit log, which stay for a year.
const oldRowsSQLite = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d / 10)
INSERT INTO accounts (id, name, display, service, region, password, created) SELECT i, 'old' || i, 'Dr TEST', 'SERVICE TEST', 'bretagne', '$argon2id$none', %[2]d FROM n;
INSERT INTO cards (id, account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used)
  SELECT id, id, 'test', 'id:old' || id, 'old' || id, 'TEST', 'CPS', 'Médecin', hex(randomblob(32)), %[2]d, %[2]d FROM accounts;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
INSERT INTO sessions (id, account, card, created, seen, address, browser)
  SELECT randomblob(32), 1 + i %% (%[1]d / 10), 1 + i %% (%[1]d / 10), %[2]d + i / 100, %[2]d + i / 100, '192.0.2.1', 'Firefox, Linux' FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
INSERT INTO audit (at, event, account, name, card, certificate, address, reason)
  SELECT %[2]d + i / 100, 'login', 1 + i %% (%[1]d / 10), '', 1 + i %% (%[1]d / 10), hex(randomblob(32)), '192.0.2.1', '' FROM n;
`

const oldRowsPostgres = `
INSERT INTO accounts (id, name, display, service, region, password, created) OVERRIDING SYSTEM VALUE
  SELECT i, 'old' || i, 'Dr TEST', 'SERVICE TEST', 'bretagne', '$argon2id$none', %[2]d FROM generate_series(1, %[1]d / 10) AS i;
INSERT INTO cards (id, account, trust_group, key, identifier, holder, kind, profession, certificate, attached, used) OVERRIDING SYSTEM VALUE
  SELECT id, id, 'test', 'id:old' || id, 'old' || id, 'TEST', 'CPS', 'Médecin', encode(sha256(name::bytea), 'hex'), %[2]d, %[2]d FROM accounts;
SELECT setval(pg_get_serial_sequence('accounts', 'id'), %[1]d), setval(pg_get_serial_sequence('cards', 'id'), %[1]d);
INSERT INTO sessions (id, account, card, created, seen, address, browser)
  SELECT sha256(i::text::bytea), 1 + i %% (%[1]d / 10), 1 + i %% (%[1]d / 10), %[2]d + i / 100, %[2]d + i / 100, '192.0.2.1', 'Firefox, Linux' FROM generate_series(1, %[1]d) AS i;
INSERT INTO audit (at, event, account, name, card, certificate, address, reason)
  SELECT %[2]d + i / 100, 'login', 1 + i %% (%[1]d / 10), '', 1 + i %% (%[1]d / 10), encode(sha256(i::text::bytea), 'hex'), '192.0.2.1', '' FROM generate_series(1, %[1]d) AS i;
`

// dayAgo is when the sessions were begun. A database that was made some days ago has them older.
func dayAgo() int64 { return time.Now().Add(-24 * time.Hour).Unix() }

// folderOfRows is where databases with old rows stay from one run to the next.
const folderOfRows = "../build/bench"

// filledSQLite is a copy of a database with so many old rows, which is made once.
func filledSQLite(b *testing.B, rows int) string {
	b.Helper()
	copied := filepath.Join(b.TempDir(), "portal.db")
	if rows == 0 {
		return copied
	}
	made := filepath.Join(folderOfRows, fmt.Sprintf("portal-%d-1.db", rows))
	if _, err := os.Stat(made); errors.Is(err, os.ErrNotExist) {
		if err := makeFilled(b.Context(), made, rows); err != nil {
			b.Fatal(err)
		}
	}
	from, err := os.Open(made)
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(copied)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(to.Sync(), to.Close()); err != nil {
		b.Fatal(err)
	}
	return copied
}

func makeFilled(ctx context.Context, made string, rows int) error {
	if err := os.MkdirAll(folderOfRows, 0o755); err != nil {
		return err
	}
	under := made + ".making"
	if err := os.RemoveAll(under); err != nil { // of a run that was stopped
		return err
	}
	s, err := store.Open(ctx, under)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+under+"?_pragma=journal_mode(DELETE)&_pragma=synchronous(OFF)&_pragma=cache_size(-400000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, fmt.Sprintf(oldRowsSQLite, rows, dayAgo()))
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return os.Rename(under, made)
}

// filledPostgres is an empty database of PostgreSQL's, or a copy of one with old rows, which is
// made once in a run: the server ends with it.
func filledPostgres(b *testing.B, rows int) string {
	b.Helper()
	if rows == 0 {
		return postgres.Database(b)
	}
	filled, err := filledOnce(b, rows)
	if err != nil {
		b.Fatal(err)
	}
	server, err := sql.Open("pgx", postgres.Shared(b).URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	name := fmt.Sprintf("rows%d", time.Now().UnixNano())
	if _, err := server.Exec("CREATE DATABASE " + name + " TEMPLATE " + filled); err != nil {
		b.Fatal(err)
	}
	return postgres.Shared(b).URL(name)
}

var filledNames sync.Map // by the number of rows

func filledOnce(b *testing.B, rows int) (string, error) {
	b.Helper()
	if name, is := filledNames.Load(rows); is {
		return name.(string), nil
	}
	address := postgres.Database(b)
	s, err := store.Open(b.Context(), address)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return "", err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), "SET session_replication_role = replica"); err != nil { // the rows fit each other
		return "", errors.Join(err, db.Close())
	}
	for statement := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(fmt.Sprintf(oldRowsPostgres, rows, dayAgo())), ";"), ";\n") {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			return "", errors.Join(err, db.Close())
		}
	}
	_, err = db.ExecContext(b.Context(), "ANALYZE")
	if err = errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	name := strings.TrimPrefix(strings.Split(address, "?")[0], "postgres://postgres@/")
	filledNames.Store(rows, name)
	return name, nil
}
