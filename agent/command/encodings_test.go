package command

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// TestSettingsAsEditorsSaveThem: a byte order mark is read past; a file in UTF-16 or
// Latin-1 is told by name and with the way out, by each command, in both languages.
func TestSettingsAsEditorsSaveThem(t *testing.T) {
	w := newStation(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(w.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufefflang = \"en\"\r\n")
	out, _ := w.cpxAgent(t, exitGood, "policy")
	workstation.Contains(t, out, `"en"`, "config.toml")
	w.cpxAgent(t, exitProblem, "doctor")
	write("\ufefflang = \"en\"\r\n\r\ncolour = 1\r\n")
	_, errs := w.cpxAgent(t, exitUsage, "policy")
	workstation.Contains(t, errs, "config.toml:3: colour: ")

	for text, says := range map[string]map[string]string{
		"\xff\xfel\x00a\x00n\x00g\x00":     {language.French: "config.toml: ce fichier est enregistré en UTF-16", language.English: "config.toml: this file is saved as UTF-16"},
		"\n# r\xe9glages\nlang = \"fr\"\n": {language.French: "config.toml:2: cette ligne contient un caractère qui n’est pas en UTF-8", language.English: "config.toml:2: this line has a character that is not UTF-8"},
	} {
		write(text)
		for lang, want := range says {
			for _, command := range []string{"policy", "certs"} {
				out, errs := w.cpxAgent(t, exitUsage, command, "--lang", lang)
				workstation.Contains(t, errs, want, "UTF-8")
				if out != "" {
					t.Errorf("%s printed %s", command, out)
				}
			}
			out, _ := w.cpxAgent(t, exitProblem, "doctor", "--json", "--lang", lang)
			var r doctor.Report
			if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Findings) == 0 {
				t.Fatalf("%v in %s", err, out)
			}
			workstation.Contains(t, r.Findings[0].Text, strings.TrimPrefix(want, "config.toml"))
		}
		t.Setenv("LANG", "en_GB.UTF-8") // run takes the language from the desktop
		_, errs := w.cpxAgent(t, exitUsage, "run")
		workstation.Contains(t, errs, says[language.English])
	}
}
