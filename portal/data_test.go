package portal

import (
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDataNote: the note on personal data names each table and column of the database, in both
// languages, and no others: who adds one says what it is for and how long it is there.
func TestDataNote(t *testing.T) {
	db, err := sql.Open("sqlite", newSite(t).settings.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'goose_%' ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		stored[table] = append(stored[table], column)
	}
	if err := rows.Err(); err != nil || len(stored) < 6 {
		t.Fatal(stored, err)
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "portal-data.md"))
	if err != nil {
		t.Fatal(err)
	}
	french, english, _ := strings.Cut(string(text), "\n## Note on personal data\n")
	word := regexp.MustCompile("`([a-z_]+)`")
	for language, note := range map[string]string{"French": french, "English": english} {
		named := map[string][]string{}
		for line := range strings.Lines(note) {
			cells := strings.Split(line, "|")
			if len(cells) != 6 || !word.MatchString(cells[1]) {
				continue
			}
			table := word.FindStringSubmatch(cells[1])[1]
			for _, m := range word.FindAllStringSubmatch(cells[2], -1) {
				named[table] = append(named[table], m[1])
			}
			slices.Sort(named[table])
		}
		for _, table := range slices.Sorted(maps.Keys(stored)) {
			if !slices.Equal(named[table], stored[table]) {
				t.Errorf("%s: the table %s has %q, and docs/portal-data.md names %q", language, table, stored[table], named[table])
			}
			delete(named, table)
		}
		for table := range named {
			t.Errorf("%s: docs/portal-data.md names a table %s", language, table)
		}
	}
}
