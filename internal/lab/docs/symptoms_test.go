package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
)

var (
	symptoms = regexp.MustCompile(`(?s)<!-- symptoms -->\n(.*?)<!-- /symptoms -->`)
	codeName = regexp.MustCompile("`([a-z]+(?:_[a-z]+)+)`")
)

// TestSymptoms: what the administrators' table has them look for is what doctor says, and
// each row has something to look for.
func TestSymptoms(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs/administrators.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := symptoms.FindSubmatch(document)
	if table == nil {
		t.Fatal("docs/administrators.md has no table of symptoms")
	}
	rows := 0
	for _, row := range strings.Split(strings.TrimSpace(string(table[1])), "\n")[2:] {
		rows++
		cells := strings.Split(strings.Trim(row, "|"), "|")
		if len(cells) != 3 {
			t.Errorf("a row of %d cells: %s", len(cells), row)
			continue
		}
		if !strings.Contains(cells[1], "`") {
			t.Errorf("%s: nothing is named that tells the cause", cells[0])
		}
		for _, m := range codeName.FindAllStringSubmatch(cells[1], -1) {
			if !doctor.Known(m[1]) {
				t.Errorf("%s: doctor has no code %s", cells[0], m[1])
			}
		}
	}
	if rows < 10 {
		t.Errorf("%d symptoms", rows)
	}
}
