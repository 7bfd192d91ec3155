package administration

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const password = "a long TEST password"

// newAdministration is one on a database of its own.
func newAdministration(t *testing.T, database string) *Administration {
	t.Helper()
	dir := t.TempDir()
	if database == "" {
		database = filepath.Join(dir, "portal.db")
	}
	text := portallab.Replacing(`"portal.db"`, fmt.Sprintf("%q", database))(portallab.SettingsText(t, dir, "https://portail.test"))
	a, err := Create(t.Context(), portallab.WriteFile(t, dir, "portal.toml", text), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *Administration) mustAdd(t *testing.T, name string) {
	t.Helper()
	if err := a.AddAccount(t.Context(), NewAccount{Name: name, Display: "Dr TEST " + name, Service: "SERVICE TEST", Password: password}); err != nil {
		t.Fatal(err)
	}
}

// attachTo attaches a card to an account, and logs in by it.
func (a *Administration) attachTo(t *testing.T, name, identifier string) {
	t.Helper()
	account, err := a.Store.AccountByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c := store.Card{Group: "test", Identifier: identifier, Holder: "TEST " + identifier, Kind: "CPS", Certificate: strings.Repeat("ab", 32), Named: true}
	pending, _, err := a.Store.Login(t.Context(), c, nil, store.Session{Hash: []byte("pending " + identifier)}, now, time.Minute, nil)
	if err != nil || pending.Pending == nil {
		t.Fatalf("%+v, %v", pending, err)
	}
	if err := a.Store.Confirmable(t.Context(), pending.Hash, account.ID, account.Password); err != nil {
		t.Fatal(err)
	}
	pending.PendingAccount = account.ID
	if _, err := a.Store.Confirm(t.Context(), pending, store.Session{Hash: []byte("session " + identifier), Address: "192.0.2.1", Browser: "TEST"}, nil, now); err != nil {
		t.Fatal(err)
	}
}

// TestNames: a name that nobody can type or see is refused, and é is one character however it
// was written.
func TestNames(t *testing.T) {
	a := newAdministration(t, "")
	long := strings.Repeat("é", MaxLength)
	for name, c := range map[string]struct {
		change func(*NewAccount)
		says   string // "": added
	}{
		"good":                    {func(*NewAccount) {}, ""},
		"of one character":        {func(n *NewAccount) { n.Name = "é" }, ""},
		"as long as it may be":    {func(n *NewAccount) { n.Name, n.Display, n.Service = long, long, long }, ""},
		"too long":                {func(n *NewAccount) { n.Name = long + "a" }, "the user name has 101 characters, at most 100"},
		"too long a service":      {func(n *NewAccount) { n.Service = long + "a" }, "the service has 101"},
		"none":                    {func(n *NewAccount) { n.Name = "" }, "the user name is missing"},
		"no display name":         {func(n *NewAccount) { n.Display = "" }, "the display name is missing"},
		"a blank before":          {func(n *NewAccount) { n.Name = " a" }, "the user name begins or ends with a space"},
		"a line end after":        {func(n *NewAccount) { n.Service = "a\r" }, "the service begins or ends with a space"},
		"one that does not break": {func(n *NewAccount) { n.Name = "a\u00a0b" }, "number 2, U+00A0"},
		"the same in a display":   {func(n *NewAccount) { n.Name, n.Display = "nbsp", "Dr\u00a0TEST" }, ""},
		"a tab":                   {func(n *NewAccount) { n.Name = "a\tb" }, "number 2, U+0009"},
		"a NUL":                   {func(n *NewAccount) { n.Display = "a\x00" }, "number 2, U+0000"},
		"a direction mark":        {func(n *NewAccount) { n.Display = "Dr \u202eTEST" }, "number 4, U+202E"},
		"a mark of no width":      {func(n *NewAccount) { n.Name = "a\u200bb" }, "number 2, U+200B"},
		"not UTF-8":               {func(n *NewAccount) { n.Name = "\xe9" }, "is not UTF-8"},
		"an unknown region":       {func(n *NewAccount) { n.Region = "x" }, `the region "x" is not in the texts`},
		"a short password":        {func(n *NewAccount) { n.Name, n.Password = "short", "éééééééé" }, "10 to 256"},
	} {
		n := NewAccount{Name: "test." + strings.ReplaceAll(name, " ", "."), Display: "TEST", Service: "TEST", Password: password}
		c.change(&n)
		err := a.AddAccount(t.Context(), n)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	a.mustAdd(t, "rene\u0301")
	if err := a.AddAccount(t.Context(), NewAccount{Name: "ren\u00e9", Display: "TEST", Service: "TEST", Password: password}); !errors.Is(err, store.ErrAccountExists) {
		t.Errorf("the same name, composed: %v", err)
	}
	if err := a.Enable(t.Context(), "rene\u0301"); err != nil {
		t.Error(err)
	}
}

// TestDisabled: a disabled account is let in neither by its card nor by a password, and its
// sessions end.
func testDisabled(t *testing.T, a *Administration) {
	a.mustAdd(t, "test.une")
	a.mustAdd(t, "test.deux")
	a.attachTo(t, "test.une", "1")
	a.attachTo(t, "test.deux", "2")
	session := func(id string) error {
		_, err := a.Store.Session(t.Context(), []byte("session "+id))
		return err
	}
	if ended, err := a.Disable(t.Context(), "TEST.une"); err != nil || ended != 1 {
		t.Errorf("%d, %v", ended, err)
	}
	if err := session("1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its session: %v", err)
	}
	if err := session("2"); err != nil {
		t.Errorf("another's session: %v", err)
	}
	login := func(id string) error {
		c := store.Card{Group: "test", Identifier: id, Kind: "CPS", Certificate: strings.Repeat("ab", 32), Named: true}
		_, _, err := a.Store.Login(t.Context(), c, nil, store.Session{Hash: []byte("again " + id)}, now, time.Minute, nil)
		return err
	}
	if _, is := errors.AsType[*store.DisabledError](login("1")); !is {
		t.Errorf("by its card: %v", login("1"))
	}
	if err := login("2"); err != nil {
		t.Errorf("by another's card: %v", err)
	}
	// A card whose confirmation was on the way when the account was disabled.
	account, err := a.Store.AccountByName(t.Context(), "test.une")
	if err != nil || !account.Disabled {
		t.Fatalf("%+v, %v", account, err)
	}
	c := store.Card{Group: "test", Identifier: "3", Kind: "CPS", Certificate: strings.Repeat("cd", 32), Named: true}
	pending, _, err := a.Store.Login(t.Context(), c, nil, store.Session{Hash: []byte("pending 3")}, now, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Store.Confirmable(t.Context(), pending.Hash, account.ID, account.Password); err != nil {
		t.Fatal(err)
	}
	pending.PendingAccount = account.ID
	if _, err := a.Store.Confirm(t.Context(), pending, store.Session{Hash: []byte("session 3")}, nil, now); err == nil {
		t.Error("a card was attached to a disabled account")
	}
	if err := a.Enable(t.Context(), "test.une"); err != nil {
		t.Error(err)
	}
	if err := login("1"); err != nil {
		t.Errorf("enabled: %v", err)
	}
	if _, err := a.Disable(t.Context(), "nobody"); !errors.Is(err, ErrNoAccount) {
		t.Error(err)
	}
}

// TestPerson: all that the portal has about a person is exported, and gone once it is erased;
// others stay as they are.
func testPerson(t *testing.T, a *Administration) {
	a.mustAdd(t, "test.une")
	a.mustAdd(t, "test.deux")
	a.attachTo(t, "test.une", "1")
	a.attachTo(t, "test.deux", "2")
	account, err := a.Store.AccountByName(t.Context(), "test.une")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []store.AuditEvent{
		{At: now, Event: "login", Account: account.ID, Card: 1, Certificate: "ab", Address: "192.0.2.1"},
		{At: now, Event: "password_refused", Name: "TEST.UNE", Address: "192.0.2.7"},
		{At: now, Event: "card_proved", Certificate: strings.Repeat("ab", 32), Address: "192.0.2.7"}, // of the attached card
		{At: now, Event: "card_proved", Certificate: "ab", Address: "192.0.2.7"},                     // of one that is renewed
		{At: now, Event: "password_refused", Account: account.ID, Certificate: "cd", Address: "192.0.2.8"},
		{At: now, Event: "card_proved", Certificate: "cd", Address: "192.0.2.8"}, // of a stranger to the account
	} {
		if err := a.Store.AddAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	person, err := a.Export(t.Context(), "test.une")
	if err != nil || person.Account.Name != "test.une" || len(person.Cards) != 1 || person.Cards[0].Identifier != "1" || len(person.Sessions) != 1 ||
		person.Sessions[0].Address != "192.0.2.1" || len(person.Audit) != 3 {
		t.Errorf("%+v, %v", person, err)
	}
	text, err := json.Marshal(person)
	if err != nil || strings.Contains(string(text), "argon2") || strings.Contains(string(text), "test.deux") {
		t.Errorf("%s, %v", text, err)
	}
	if err := a.Erase(t.Context(), "test.une"); err != nil {
		t.Fatal(err)
	}
	all, err := a.Audit(t.Context(), time.Time{}, "")
	if err != nil {
		t.Fatal(err)
	}
	logins, unrelated := 0, 0
	for _, e := range all {
		if strings.EqualFold(e.Name, "test.une") || e.Account == account.ID && e.Address+e.Certificate != "" || e.Address == "192.0.2.7" {
			t.Errorf("%+v", e)
		}
		if e.Certificate == "cd" && e.Address == "192.0.2.8" {
			unrelated++
		}
		if e.Event == "login" && e.Account == account.ID {
			logins++
		}
	}
	cards, err := a.Cards(t.Context(), "")
	sessions, err2 := a.Sessions(t.Context(), "")
	users, err3 := a.Accounts(t.Context())
	if errors.Join(err, err2, err3) != nil || len(cards) != 1 || cards[0].Account != "test.deux" || len(sessions) != 1 || len(users) != 1 || logins != 1 || unrelated != 1 {
		t.Errorf("%+v, %+v, %+v, %v", cards, sessions, users, errors.Join(err, err2, err3))
	}
}

func testSessionsAndCards(t *testing.T, a *Administration) {
	a.mustAdd(t, "test.une")
	a.mustAdd(t, "test.deux")
	a.attachTo(t, "test.une", "1")
	a.attachTo(t, "test.deux", "2")
	if err := a.ResetPassword(t.Context(), "test.une", "another TEST password"); err != nil {
		t.Error(err)
	}
	if err := a.ResetPassword(t.Context(), "test.une", "short"); !errors.Is(err, passwords.ErrLength) {
		t.Error(err)
	}
	account, err := a.Store.AccountByName(t.Context(), "test.une")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{password: false, "another TEST password": true} {
		if good, _, err := passwords.NewHashing().Check(t.Context(), account.Password, text); err != nil || good != want {
			t.Errorf("%q: %v, %v", text, good, err)
		}
	}
	if ended, err := a.EndSessions(t.Context(), "test.deux"); err != nil || ended != 1 {
		t.Errorf("%d, %v", ended, err)
	}
	cards, err := a.Cards(t.Context(), "test.une")
	if err != nil || len(cards) != 1 {
		t.Fatalf("%+v, %v", cards, err)
	}
	if ended, err := a.RemoveCard(t.Context(), cards[0].ID); err != nil || ended != 1 {
		t.Errorf("%d, %v", ended, err)
	}
	if _, err := a.RemoveCard(t.Context(), cards[0].ID); err == nil {
		t.Error("twice")
	}
	if ended, err := a.EndSessions(t.Context(), ""); err != nil || ended != 0 {
		t.Errorf("%d, %v", ended, err)
	}
}

// TestSQLite and TestPostgreSQL: the same holds on both kinds of database.
func TestSQLite(t *testing.T) {
	for name, test := range onBoth {
		t.Run(name, func(t *testing.T) { test(t, newAdministration(t, "")) })
	}
}

var onBoth = map[string]func(*testing.T, *Administration){"disabled": testDisabled, "person": testPerson, "sessions and cards": testSessionsAndCards, "import": testImport}

// TestImport: files as spreadsheets and people write them.
func testImport(t *testing.T, a *Administration) {
	a.mustAdd(t, "test.present")
	const head = "identifiant;nom;service;mot de passe\r\n"
	for name, c := range map[string]struct {
		file string
		want []string // the user names
		says []string
	}{
		"Excel's":                     {"\ufeff" + head + "test.a;Dr TEST Élodie;Urgences;" + password + "\r\ntest.b;Dr \"TEST\"\";\"\"B\";S;\r\n;;;\r\n", nil, []string{"line 3: a quotation mark"}},
		"Excel's, with a separator":   {"sep=,\r\nName,Display,Service\r\ntest.a,\"TEST, A\",S\r\n", []string{"test.a"}, nil},
		"semicolons and empty rows":   {"\ufeff" + head + "test.a;Dr TEST Élodie;Urgences;" + password + "\r\n;;;\r\ntest.b;\"TEST; B\";S;\r\n;;;;;\r\n", []string{"test.a", "test.b"}, nil},
		"tabs, another order":         {"service\tdisplay\tname\nS\tTEST\ttest.a\n", []string{"test.a"}, nil},
		"old Macs":                    {"name,display,service\rtest.a,TEST,S\rtest.b,TEST,S\r", []string{"test.a", "test.b"}, nil},
		"accents of macOS":            {"name,display,service,re\u0301gion\nrene\u0301,TEST,S,bretagne\n", []string{"ren\u00e9"}, nil},
		"a typographic apostrophe":    {"Nom d\u2019utilisateur;Nom;Service\ntest.a;TEST;S\n", []string{"test.a"}, nil},
		"a name over two lines":       {"name,display,service\ntest.a,\"TEST\nA\",S\ntest.b,,S\n", nil, []string{"line 2: the display name has a character", "line 4: the display name is missing"}},
		"Windows-1252":                {"name;display;service\ntest.a;TEST;S\ntest.b;TEST \xc9lodie;S\n", nil, []string{"line 3: is not UTF-8", "iconv", "CSV UTF-8"}},
		"UTF-16":                      {"\xff\xfen\x00a\x00", nil, []string{"UTF-16", "CSV UTF-8"}},
		"a workbook":                  {"PK\x03\x04...", nil, []string{"is a spreadsheet, not CSV"}},
		"nothing":                     {"", nil, []string{"is empty"}},
		"a heading alone":             {head, nil, []string{"has no account below"}},
		"no heading":                  {"test.a;TEST;S\n", nil, []string{`line 1: no column is called "test.a"`}},
		"a missing column":            {"name;display\ntest.a;TEST\n", nil, []string{`line 1: the column "service" is missing`}},
		"two of one":                  {"name;login;display;service\n", nil, []string{"line 1: two columns are for the name"}},
		"too many fields":             {"name,display,service\ntest.a,TEST,A,S\n", nil, []string{"line 2: has 4 fields, and the first line 3"}},
		"every fault by its line":     {"name,display,service,password\n test.a,TEST,S," + password + "\ntest.b,TEST,S,short\nTEST.PRESENT,TEST,S,\ntest.a,TEST,S,\na\tb,TEST,S,\n", nil, []string{"line 3: a password has", "line 4: an account has the user name \"TEST.PRESENT\"", "line 5: the user name \"test.a\" is on line 2", "line 6: the user name has a character"}},
		"all faults of a line":        {"name,display,service,region,password\ntest.present,,S,Bretagne,short\ntest.b,,S,,\nTEST.B,TEST,S,,\n", nil, []string{"line 2: the display name is missing", `line 2: the region "Bretagne" is not in the texts. Regions are named by their id: auvergne-rhone-alpes, bourgogne`, "line 2: a password has", "line 2: an account has", "line 3: the display name is missing", `line 4: the user name "TEST.B" is on line 3 already`}},
		"a quotation mark left open":  {"name,display,service\ntest.a,\"TEST,S\ntest.b,TEST,S\n", nil, []string{"line 2: a quotation mark that is opened here is not closed"}},
		"no password in some of them": {"name,display,service,password\ntest.a,TEST,S,\ntest.b,TEST,S," + password + "\n", []string{"test.a", "test.b"}, nil},
	} {
		list, err := a.ReadAccounts(t.Context(), []byte(c.file))
		if len(c.says) > 0 {
			for _, part := range c.says {
				if _, is := errors.AsType[*ImportError](err); !is || !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %v, want %q", name, err, part)
				}
			}
			continue
		}
		var got []string
		for _, one := range list {
			got = append(got, one.Name)
			if one.Generated != (one.Password != password) || len(one.Password) < passwords.MinLength {
				t.Errorf("%s: %+v", name, one)
			}
		}
		if err != nil || strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	list, err := a.ReadAccounts(t.Context(), []byte("name;display;service\ntest.a;TEST;S\ntest.b;TEST;S\n"))
	if err != nil {
		t.Fatal(err)
	}
	a.mustAdd(t, "TEST.b") // meanwhile
	if err := a.Import(t.Context(), list); err == nil || !strings.Contains(err.Error(), `line 3: an account has the user name "test.b" already`) {
		t.Errorf("all or nothing: %v", err)
	}
	if _, err := a.Store.AccountByName(t.Context(), "test.a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of a file was imported: %v", err)
	}
	if err := a.Import(t.Context(), list[:1]); err != nil {
		t.Error(err)
	}
	added, err := a.Store.AccountByName(t.Context(), "test.a")
	if err != nil {
		t.Fatal(err)
	}
	if good, _, err := passwords.NewHashing().Check(t.Context(), added.Password, list[0].Password); err != nil || !good {
		t.Errorf("by the password that was made: %v, %v", good, err)
	}
}

// TestBadSettings: an error of the settings is one.
func TestBadSettings(t *testing.T) {
	_, err := Create(t.Context(), filepath.Join(t.TempDir(), "none.toml"), time.Now)
	if _, is := errors.AsType[*settings.Error](err); !is {
		t.Error(err)
	}
}

func TestPostgreSQL(t *testing.T) {
	for name, test := range onBoth {
		t.Run(name, func(t *testing.T) { test(t, newAdministration(t, postgres.Database(t))) })
	}
}

// TestImportIsAllOrNothing: where the audit log cannot be written, no account is there either:
// the passwords that were made for them are thrown away then.
func TestImportIsAllOrNothing(t *testing.T) {
	for kind, database := range map[string]string{"SQLite": filepath.Join(t.TempDir(), "portal.db"), "PostgreSQL": postgres.Database(t)} {
		t.Run(kind, func(t *testing.T) {
			a := newAdministration(t, database)
			list, err := a.ReadAccounts(t.Context(), []byte("name;display;service\ntest.un;TEST;TEST\ntest.deux;TEST;TEST\n"))
			if err != nil {
				t.Fatal(err)
			}
			db := portallab.Database(t, database)
			if _, err := db.Exec(`ALTER TABLE audit RENAME TO elsewhere`); err != nil {
				t.Fatal(err)
			}
			if err := a.Import(t.Context(), list); err == nil {
				t.Error("imported without a word in the audit log")
			}
			if all, err := a.Accounts(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("%d accounts, %v", len(all), err)
			}
			if _, err := db.Exec(`ALTER TABLE elsewhere RENAME TO audit`); err != nil {
				t.Fatal(err)
			}
			if err := a.Import(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			events, err := a.Audit(t.Context(), time.Time{}, "test.deux")
			if err != nil || len(events) != 1 || events[0].Event != AccountAdded || events[0].Name != "test.deux" || events[0].Reason != "operator" {
				t.Errorf("%+v, %v", events, err)
			}
		})
	}
}
