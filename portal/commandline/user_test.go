package commandline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
)

// output runs a command that succeeds, and returns what it printed on standard output.
func output(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t, args, stdin, &out, &errs); got != 0 || errs.Len() > 0 {
		t.Fatalf("cpx-portal %v: exit %d\n%s%s", args, got, out.String(), errs.String())
	}
	return out.String()
}

// TestUsers: an account's life by the commands, as text and as JSON.
func TestUsers(t *testing.T) {
	config := settingsFile(t, "")
	user := func(command string, more ...string) []string {
		return append([]string{"user", command, "--config", config}, more...)
	}
	output(t, "a long TEST password\n", user("add", "--name", "test.une", "--display", "Dr TEST Une", "--service", "SERVICE TEST")...)
	if text := output(t, "", user("list")...); !strings.Contains(text, "ACCOUNT  USER NAME  NAME         SERVICE") || !strings.Contains(text, "\n1        test.une   Dr TEST Une  SERVICE TEST") {
		t.Errorf("\n%s", text)
	}
	if text := output(t, "", user("disable", "--name", "test.une")...); text != "The account \"test.une\" is disabled. Sessions that ended: 0.\n" {
		t.Error(text)
	}
	var listed struct{ Users []administration.Account }
	if err := json.Unmarshal([]byte(output(t, "", user("list", "--json")...)), &listed); err != nil || len(listed.Users) != 1 || listed.Users[0].Disabled == nil {
		t.Errorf("%+v, %v", listed, err)
	}
	if text := output(t, "", user("list")...); !strings.Contains(text, "  disabled 20") || !strings.HasSuffix(text, " UTC\n") {
		t.Errorf("\n%s", text)
	}
	output(t, "", user("enable", "--name", "TEST.une")...)
	output(t, "another TEST password\n", user("password", "--name", "test.une")...)
	var person administration.Person
	text := output(t, "", user("export", "--name", "test.une")...)
	if err := json.Unmarshal([]byte(text), &person); err != nil || person.Account.Name != "test.une" || len(person.Audit) != 4 || strings.Contains(text, "argon2") {
		t.Errorf("%+v, %v", person, err)
	}
	if text := output(t, "", "audit", "list", "--config", config, "--name", "test.une", "--since", "24h"); strings.Count(text, "\n") != 6 || !strings.Contains(text, "password_reset    1        test.une") {
		t.Errorf("\n%s", text)
	}
	for _, c := range []struct {
		exit int
		args []string
		says string
	}{
		{2, user("disable"), "--name is missing"},
		{1, user("disable", "--name", "nobody"), `no account has this user name: "nobody"`},
		{1, user("password", "--name", "test.une"), "10 to 256"},
		{2, user("erase", "--name", "test.une"), `say --yes to erase "test.une"`},
		{2, user("import"), "one file to import is needed"},
		{2, []string{"audit", "list", "--config", config, "--since", "yesterday"}, `"yesterday" is neither a day`},
		{2, []string{"session", "end", "--config", config}, "either --name LOGIN or --all"},
		{2, []string{"session", "end", "--config", config, "--all", "--name", "test.une"}, "either --name LOGIN or --all"},
		{2, []string{"card", "detach", "--config", config}, "--card is missing"},
		{1, []string{"card", "detach", "--config", config, "--card", "7"}, "no attached card has the number 7"},
	} {
		if said := cpxPortal(t, c.exit, "short\n", c.args...); !strings.Contains(said, c.says) {
			t.Errorf("%v: %s", c.args, said)
		}
	}
	output(t, "", user("erase", "--name", "test.une", "--yes")...)
	if text := output(t, "", "card", "list", "--config", config, "--json"); text != "{\n  \"cards\": []\n}\n" {
		t.Error(text)
	}
	if text := output(t, "", "session", "list", "--config", config); text != "SESSION  USER NAME  CARD  BEGAN (UTC)  SEEN (UTC)  FROM  BROWSER\n" {
		t.Error(text)
	}
	if text := output(t, "", "card", "list", "--config", config); !strings.HasSuffix(text, "  ATTACHED (UTC)  USED (UTC)\n") {
		t.Error(text)
	}
	if text := output(t, "", "audit", "list", "--config", config); strings.Contains(text, "test.une") || !strings.Contains(text, "account_erased") {
		t.Errorf("\n%s", text)
	}
	if text := output(t, "", "session", "end", "--config", config, "--all"); text != "Sessions that ended: 0.\n" {
		t.Error(text)
	}
}

// TestNoDatabase: a command that finds no database makes none, and says which do.
func TestNoDatabase(t *testing.T) {
	config := settingsFile(t, `database = "typo.db"`)
	database := filepath.Join(filepath.Dir(config), "typo.db")
	for _, command := range [][]string{
		{"user", "list"}, {"user", "disable", "--name", "a"}, {"user", "enable", "--name", "a"}, {"user", "password", "--name", "a"},
		{"user", "export", "--name", "a"}, {"user", "erase", "--name", "a", "--yes"}, {"card", "list"}, {"card", "detach", "--card", "1"},
		{"session", "list"}, {"session", "end", "--all"}, {"audit", "list"}, {"backup", "--to", database + ".copy"},
	} {
		says := cpxPortal(t, 1, "a long TEST password\n", append(command, "--config", config)...)
		if !strings.Contains(says, database+": there is no database: serve, user add and user import make one") {
			t.Errorf("%v: %s", command, says)
		}
	}
	if made, err := filepath.Glob(database + "*"); err != nil || len(made) > 0 {
		t.Errorf("%q, %v", made, err)
	}
	// One that somebody made empty is none either.
	portallab.WriteFile(t, filepath.Dir(config), "typo.db", "")
	if says := cpxPortal(t, 1, "", "user", "list", "--config", config); !strings.Contains(says, "there is no database") {
		t.Error(says)
	}
	output(t, "a long TEST password\n", "user", "add", "--config", config, "--name", "test.une", "--display", "TEST", "--service", "TEST")
	output(t, "", "user", "list", "--config", config)
}

// TestUserImport: a spreadsheet's file, and the passwords that are made.
func TestUserImport(t *testing.T) {
	config := settingsFile(t, "")
	dir := filepath.Dir(config)
	secrets := filepath.Join(dir, "passwords.csv")
	file := portallab.WriteFile(t, dir, "accounts.csv", "\ufeffidentifiant;nom;service\r\ntest.a;Dr TEST Élodie;Urgences\r\ntest.b;\"TEST; B\";Urgences\r\n;;\r\n")
	load := func(more ...string) []string {
		return append([]string{"user", "import", "--config", config, file}, more...)
	}
	if said := cpxPortal(t, 1, "", load()...); !strings.Contains(said, "2 accounts have no password in the file") {
		t.Error(said)
	}
	if text := output(t, "", load("--dry-run")...); !strings.HasPrefix(text, "2 accounts could be imported, 2 of them without") {
		t.Error(text)
	}
	if text := output(t, "", load("--passwords", secrets)...); text != "2 accounts can log in.\n2 passwords were made: "+secrets+". Hand them over, then delete the file.\n" {
		t.Error(text)
	}
	info, err := os.Stat(secrets)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	made, err := os.ReadFile(secrets)
	if lines := strings.Split(string(made), "\n"); err != nil || len(lines) != 4 || !strings.HasPrefix(lines[1], "test.a;") || len(lines[1]) < 20 {
		t.Errorf("%q, %v", made, err)
	}
	// A second time nothing is done, and the file of passwords stays as it is.
	said := cpxPortal(t, 1, "", load("--passwords", secrets)...)
	for _, part := range []string{`cpx-portal: line 2: an account has the user name "test.a" already`, `cpx-portal: line 3: `, "accounts.csv: nothing was imported"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is missing in\n%s", part, said)
		}
	}
	portallab.WriteFile(t, dir, "accounts.csv", "name,display,service\ntest.c,TEST,S\n")
	if said := cpxPortal(t, 1, "", load("--passwords", secrets)...); !strings.Contains(said, "file exists") {
		t.Error(said)
	}
	if now, err := os.ReadFile(secrets); err != nil || !bytes.Equal(now, made) {
		t.Errorf("%q, %v", now, err)
	}
	if text := output(t, "", "user", "list", "--config", config); strings.Contains(text, "test.c") {
		t.Error(text)
	}
}

// TestBackupAndRestore: by the commands, with what was added after the copy gone.
func TestBackupAndRestore(t *testing.T) {
	config := settingsFile(t, "")
	copied := filepath.Join(filepath.Dir(config), "copy.db")
	add := func(name string) {
		output(t, "a long TEST password\n", "user", "add", "--config", config, "--name", name, "--display", "TEST", "--service", "TEST")
	}
	add("test.before")
	if text := output(t, "", "backup", "--config", config, "--to", copied); text != "The database is copied: "+copied+"\n" {
		t.Error(text)
	}
	add("test.after")
	if text := output(t, "", "restore", "--config", config, "--from", copied); !strings.Contains(text, "The one before: ") {
		t.Error(text)
	}
	if text := output(t, "", "user", "list", "--config", config); strings.Contains(text, "test.after") || !strings.Contains(text, "test.before") {
		t.Error(text)
	}
	for _, c := range []struct {
		exit int
		args []string
		says string
	}{
		{1, []string{"backup", "--config", config, "--to", copied}, "file already exists"},
		{2, []string{"backup", "--config", config}, "--to is missing"},
		{2, []string{"restore", "--config", config}, "--from is missing"},
		{1, []string{"restore", "--config", config, "--from", config}, "nothing was changed"},
	} {
		if said := cpxPortal(t, c.exit, "", c.args...); !strings.Contains(said, c.says) {
			t.Errorf("%v: %s", c.args, said)
		}
	}
}
